// What the page does beyond its text: charts, the way into the treemap, and the search.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  // Asked of an element: a property itself would answer for light and dark at once.
  const probe = document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };

  const MB = 1e6;
  const size = (bytes) => {
    if (Math.abs(bytes) >= MB) return `${(bytes / MB).toFixed(1)} MB`;
    return Math.abs(bytes) >= 1000 ? `${(bytes / 1000).toFixed(1)} kB` : `${bytes} B`;
  };
  const share = (part, whole) => {
    const percent = whole ? (100 * part) / whole : 0;
    return percent > 0 && percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
  };
  const element = (tag, text = "", className = "") => {
    const made = document.createElement(tag);
    made.textContent = text; // never as HTML: a file's name can hold any character
    if (className) made.className = className;
    return made;
  };

  // --- charts: each is drawn again when the colours change ---------------------------------------------------

  const charts = [];
  const draw = (id, height, options) => {
    const place = byId(id);
    if (!place) return null;
    place.hidden = false;
    if (height) place.style.height = `${height}px`;
    const chart = echarts.init(place);
    const paint = () => chart.setOption({ ...common(), ...options(place.clientWidth) }, { notMerge: true });
    charts.push(paint);
    new ResizeObserver(() => {
      chart.resize();
      paint();
    }).observe(place);
    return { chart, paint };
  };
  const common = () => ({
    animation: !still,
    animationDuration: 300,
    animationDurationUpdate: 300,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour("ink") },
    tooltip: tooltip(),
  });
  const tooltip = (more = {}) => ({
    renderMode: "richText", // drawn, not made of HTML
    confine: true,
    backgroundColor: colour("ink"),
    borderWidth: 0,
    textStyle: { color: colour("card"), fontSize: 13 },
    ...more,
  });
  const axis = (more) => ({
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: colour("soft"), hideOverlap: true },
    splitLine: { lineStyle: { color: colour("line") } },
    nameTextStyle: { color: colour("soft") },
    ...more,
  });
  const bars = (rows, series, value, most) => ({
    grid: { left: 8, right: 24, top: 4, bottom: 4, containLabel: true },
    xAxis: axis({ type: "value", max: most, axisLabel: { show: false }, splitLine: { show: false } }),
    yAxis: axis({
      type: "category",
      inverse: true,
      data: rows.map((row) => row.name),
      axisLabel: { color: colour("ink"), fontSize: 14 },
      splitLine: { show: false },
    }),
    tooltip: tooltip({ trigger: "axis", axisPointer: { type: "none" }, formatter: ([first]) => value(rows[first.dataIndex]) }),
    series,
  });
  const bar = (data, label) => ({
    type: "bar",
    stack: "one",
    barWidth: 20,
    data,
    itemStyle: { borderRadius: 4 },
    label: { show: Boolean(label), position: "insideLeft", distance: 8, color: "#fff", fontSize: 13, formatter: label },
  });

  const figures = read("charts-data");
  const LEAST_FOR_TEXT = 560; // pixels: in a narrower chart the text does not fit into its bars

  const drawBudgets = () => {
    const rows = figures.budgets.map((row) => ({ ...row, percent: (100 * row.size) / row.limit }));
    if (!rows.length) return;
    const text = (row) => `${size(row.size)} of ${size(row.limit)}, ${row.percent.toFixed(0)} %`;
    draw("budgets-chart", 30 + 34 * rows.length, (width) => {
      const used = rows.map((row) => ({
        value: row.percent,
        itemStyle: { color: row.percent > 100 ? colour("over") : colour("python") },
      }));
      const left = rows.map((row) => Math.max(0, 100 - row.percent));
      const most = Math.max(100, ...rows.map((row) => row.percent));
      return bars(
        rows,
        [bar(used, width > LEAST_FOR_TEXT && (({ dataIndex }) => text(rows[dataIndex]))), { ...bar(left), itemStyle: { color: colour("rest") } }],
        text,
        most,
      );
    });
  };

  const drawTimings = () => {
    const rows = figures.timings.map((row) => ({ ...row, name: row.build }));
    if (!rows.length) return;
    const text = (row) => `${row.seconds.toFixed(1)} s, ${row.cached} of ${row.steps} steps cached`;
    draw("timings-chart", 30 + 34 * rows.length, () => {
      const series = {
        ...bar(rows.map((row) => row.seconds)),
        itemStyle: { color: colour("third"), borderRadius: 4 },
        label: {
          show: true,
          position: "right",
          color: colour("ink"),
          fontSize: 13,
          formatter: ({ dataIndex }) => `${rows[dataIndex].seconds.toFixed(1)} s`,
        },
      };
      return { ...bars(rows, [series], text), grid: { left: 8, right: 64, top: 4, bottom: 4, containLabel: true } };
    });
  };

  const lines = (name, format, series) => {
    const rows = figures.builds;
    return {
      grid: { left: 8, right: 16, top: 36, bottom: 8, containLabel: true },
      xAxis: axis({
        type: "category",
        boundaryGap: rows.length === 1,
        data: rows.map((row, index) => index),
        // The first and the last date stay inside the chart, and the last one is always there.
        axisLabel: {
          color: colour("soft"),
          hideOverlap: true,
          showMaxLabel: true,
          alignMinLabel: "left",
          alignMaxLabel: "right",
          formatter: (index) => rows[index].at,
        },
        splitLine: { show: false },
      }),
      yAxis: axis({ type: "value", name, min: 0, nameTextStyle: { color: colour("soft"), align: "left" } }),
      tooltip: tooltip({
        trigger: "axis",
        formatter: (points) => {
          const row = rows[points[0].dataIndex];
          const values = points.map((point) => `${point.seriesName} ${format(point.value)}`);
          return [`${row.at} · ${row.revision}`, ...values, `${row.cached} of ${row.steps} steps cached`].join("\n");
        },
      }),
      series,
    };
  };
  const line = (name, values, hue, limit) => ({
    type: "line",
    name,
    data: values,
    connectNulls: true,
    symbolSize: 6,
    lineStyle: { width: 2.5 },
    itemStyle: { color: colour(hue) },
    endLabel: { show: true, formatter: "{a}", color: colour("ink"), align: "right", offset: [-6, -12] },
    markLine: limit
      ? {
          silent: true,
          symbol: "none",
          data: [{ yAxis: limit }],
          lineStyle: { color: colour(hue), type: "dashed", opacity: 0.8 },
          label: { formatter: `budget ${limit} MB`, position: "insideStartTop", color: colour("soft") },
        }
      : undefined,
  });
  const drawTrend = () => {
    if (!figures.builds.length) return;
    const megabytes = (key) => figures.builds.map((row) => (row[key] === null ? null : row[key] / MB));
    const limit = (key) => (figures.limits[key] === null ? null : figures.limits[key] / MB);
    const inMB = (value) => (value === null || value === undefined ? "not weighed" : `${Number(value).toFixed(1)} MB`);
    draw("sizes-chart", 0, () =>
      lines("MB", inMB, [
        line("on disk", megabytes("disk"), "first", limit("disk")),
        line("on the wire", megabytes("wire"), "second", limit("wire")),
      ]),
    );
    const seconds = figures.builds.map((row) => row.seconds);
    draw("seconds-chart", 0, () => lines("Seconds", (value) => `${value.toFixed(1)} s`, [line("build time", seconds, "third")]));
  };

  // --- what fills the image ---------------------------------------------------------------------------------

  const SHADES = 6;
  // Of what is shown, the least share that gives a tile room for its size, for its parts, and for a head of its own.
  const LEAST_LABELLED = 0.02;
  const LEAST_OPENED = 0.02;
  const LEAST_HEADED = 0.1;
  const node = ([name, bytes, files = 1, kind = "", children = []], inherited = "") => {
    const own = kind || inherited;
    return { name, bytes, files, kind: own, children: children.map((child) => node(child, own)) };
  };
  // Neighbours of one kind differ a little, so that their border is not all that tells them apart.
  const shaded = (rgb, step) => {
    const parts = rgb.match(/\d+/g).map(Number);
    return `rgb(${parts.map((part) => Math.round(part * (1 - 0.055 * (step % SHADES)))).join(", ")})`;
  };

  const explore = () => {
    const way = [node(read("tree-data"))];
    const here = () => way.at(-1);
    // What a tile stands for: `id` is the way to it from here, by positions, and `path` the same in names.
    const tile = (part, id, path, depth, step) => {
      const portion = part.bytes / here().bytes;
      const parts = depth > 1 && portion > LEAST_OPENED ? part.children : [];
      return {
        id,
        path,
        part,
        name: part.name,
        value: part.bytes,
        itemStyle: { color: shaded(colour(part.kind || "mixed"), step) },
        children: parts.map((child, index) => tile(child, `${id}/${index}`, `${path} › ${child.name}`, depth - 1, index)),
        ...(parts.length && portion > LEAST_HEADED ? { upperLabel: { show: true } } : {}),
      };
    };
    const label = { fontSize: 12, lineHeight: 16, color: "#fff", overflow: "truncate", ellipsis: "…" };
    const treemap = draw("treemap", 0, () => ({
      tooltip: tooltip({
        formatter: ({ data }) =>
          data?.part
            ? `${data.path}\n${size(data.part.bytes)}, ${share(data.part.bytes, here().bytes)} of ${here().name}\n${data.part.files} files`
            : "",
      }),
      series: {
        type: "treemap",
        data: here().children.map((child, index) => tile(child, `${index}`, child.name, way.length > 1 ? 3 : 2, index)),
        left: 0,
        right: 0,
        top: 0,
        bottom: 0,
        roam: false,
        nodeClick: false,
        breadcrumb: { show: false },
        visibleMin: 1,
        label: {
          ...label,
          // A small tile would cut the size, and a cut number is a wrong one.
          formatter: ({ data }) => (data.value > LEAST_LABELLED * here().bytes ? `${data.name}\n${size(data.value)}` : data.name),
        },
        upperLabel: {
          ...label,
          show: true,
          height: 24,
          padding: [0, 8],
          fontWeight: "bold",
          color: colour("ink"),
          formatter: ({ data }) => (data ? `${data.name}  ${size(data.value)}` : ""),
        },
        itemStyle: { gapWidth: 1, borderWidth: 0, borderColor: colour("card") },
        levels: [
          { itemStyle: { gapWidth: 4, borderWidth: 0, borderColor: colour("card") }, upperLabel: { show: false } },
          { itemStyle: { gapWidth: 1, borderWidth: 1, borderColor: colour("rest") } },
          { itemStyle: { gapWidth: 1, borderWidth: 0, borderColor: colour("rest") }, upperLabel: { show: false } },
        ],
        emphasis: { label: { color: "#fff" }, upperLabel: { color: colour("ink") }, itemStyle: { opacity: 0.85 } },
      },
    }));

    const open = (target, focus) => {
      way.splice(0, way.length, ...target);
      treemap.paint();
      show();
      if (focus) byId("inside").querySelector("button")?.focus();
      byId("where").textContent = `Inside ${here().name}: ${size(here().bytes)} in ${here().files} files`;
    };
    const button = (text, target, focus) => {
      const made = element("button", text);
      made.type = "button";
      made.addEventListener("click", () => open(target, focus));
      return made;
    };
    const show = () => {
      const crumbs = way.map((part, index) => {
        const item = element("li");
        const last = index === way.length - 1;
        item.append(last ? element("span", part.name) : button(part.name, way.slice(0, index + 1), true));
        if (last) item.firstChild.setAttribute("aria-current", "location");
        return item;
      });
      byId("path").replaceChildren(...crumbs);
      byId("inside-title").textContent = `${here().name}: ${size(here().bytes)}`;
      const rows = here().children.map((part) => {
        const row = element("tr");
        const name = element("td");
        name.append(part.children.length ? button(part.name, [...way, part], true) : part.name);
        const numbers = [size(part.bytes), share(part.bytes, here().bytes), String(part.files)];
        row.append(name, ...numbers.map((text) => element("td", text, "number")));
        return row;
      });
      byId("inside").replaceChildren(...rows);
    };

    treemap.chart.on("click", ({ data }) => {
      if (!data?.id) return;
      // An id is the way from here: positions among the children, joined by slashes.
      const found = [...way];
      for (const position of data.id.split("/")) found.push(found.at(-1).children[Number(position)]);
      if (!found.at(-1).children.length) found.pop();
      if (found.length > way.length) open(found, false);
    });
    byId("explorer").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && way.length > 1) open(way.slice(0, -1), true);
    });
    byId("explorer").hidden = false;
    show();
  };

  // --- the search -------------------------------------------------------------------------------------------

  const searchable = () => {
    const field = byId("search");
    const rows = [...byId("materials").tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
    field.closest("p").hidden = false;
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        found += row.hidden ? 0 : 1;
      }
      byId("matches").textContent = words.length ? `${found} of ${rows.length} match` : "";
    });
  };

  const repaint = () => charts.forEach((paint) => paint());
  for (const choice of document.querySelectorAll("input[name=theme]")) choice.addEventListener("change", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  document.documentElement.classList.add("scripted");
  // Shown first: a chart takes the size of its place.
  byId("explorer").hidden = false;
  explore();
  drawBudgets();
  drawTimings();
  drawTrend();
  searchable();
})();
