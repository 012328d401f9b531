"""The report's part of Apache ECharts, as one script: charts.js, which begins with all licences."""
