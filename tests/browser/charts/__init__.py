"""The part of Apache ECharts that the report draws with, as one script: charts.js.

The licences of all that is in it stand at its beginning.
"""
