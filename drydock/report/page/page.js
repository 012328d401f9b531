// What the page does beyond its text: hints under the pointer, the way into the treemap, and the search.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

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

  // --- hints: the browser's own titles come late, and not at all on a touch screen ----------------------------

  const hint = document.body.appendChild(element("div", "", "hint"));
  hint.hidden = true;
  hint.setAttribute("aria-hidden", "true"); // the tables say the same
  for (const title of document.querySelectorAll("svg title")) {
    title.parentNode.dataset.hint = title.textContent;
    title.remove();
  }
  const point = (event) => {
    const target = event.target.closest?.("[data-hint]");
    hint.hidden = !target;
    if (!target) return;
    hint.textContent = target.dataset.hint;
    const within = (at, length, whole) => `${Math.max(0, at + 16 + length < whole ? at + 16 : at - 16 - length)}px`;
    hint.style.left = within(event.clientX, hint.offsetWidth, innerWidth);
    hint.style.top = within(event.clientY, hint.offsetHeight, innerHeight);
  };
  const silence = () => {
    hint.hidden = true;
  };
  for (const kind of ["pointermove", "pointerdown"]) document.addEventListener(kind, point);
  for (const kind of ["scroll", "pointerleave"]) document.addEventListener(kind, silence, true);
  document.addEventListener("keydown", silence);

  // --- what fills the image ---------------------------------------------------------------------------------

  const SHADES = 6;
  // Of what is shown, the least share that gives a tile room for its size, for its parts, and for a head of its own.
  const LEAST_LABELLED = 0.02;
  const LEAST_OPENED = 0.02;
  const LEAST_HEADED = 0.1;
  const HEAD = 24; // pixels; so are the gaps
  const GAP = 1;
  const OUTER_GAP = 4;
  const node = ([name, bytes, files = 1, kind = "", children = []], inherited = "") => {
    const own = kind || inherited;
    return { name, bytes, files, kind: own, children: children.map((child) => node(child, own)) };
  };

  // Fill a box with parts, the largest first, as a squarified treemap: a strip along the shorter side takes parts
  // as long as that makes its longest tile less long.
  const squarified = (parts, { x, y, width, height }) => {
    const tiles = [];
    let left = parts.filter((part) => part.bytes);
    let scale = (width * height) / left.reduce((sum, part) => sum + part.bytes, 0);
    while (left.length) {
      const side = Math.min(width, height);
      let [count, area, worst] = [0, 0, Infinity];
      for (const part of left) {
        const wider = area + part.bytes * scale;
        const longest = Math.max(
          (side * side * left[0].bytes * scale) / (wider * wider),
          (wider * wider) / (side * side * part.bytes * scale),
        );
        if (longest > worst) break;
        [count, area, worst] = [count + 1, wider, longest];
      }
      const depth = area / side;
      let along = 0;
      for (const part of left.slice(0, count)) {
        const length = (part.bytes * scale) / depth;
        const box = width < height ? { x: x + along, y, width: length, height: depth } : { x, y: y + along, width: depth, height: length };
        tiles.push({ part, box });
        along += length;
      }
      if (width < height) [y, height] = [y + depth, height - depth];
      else [x, width] = [x + depth, width - depth];
      left = left.slice(count);
    }
    return tiles;
  };

  const explore = () => {
    const way = [node(JSON.parse(byId("tree-data").textContent))];
    const here = () => way.at(-1);
    const ways = new WeakMap(); // from a tile to the way to its part
    const treemap = byId("treemap");

    // Add tiles of a part's children, and of theirs as deep as asked.
    const tile = (parents, box, depth, gap) => {
      for (const [step, { part, box: place }] of squarified(parents.at(-1).children, box).entries()) {
        const [width, height] = [place.width - gap, place.height - gap];
        if (width < 1 || height < 1) continue;
        const path = [...parents, part];
        const portion = part.bytes / here().bytes;
        const opened = depth > 1 && portion > LEAST_OPENED && part.children.length;
        const headed = opened && portion > LEAST_HEADED && height > 2 * HEAD;
        const made = element("div", "", opened ? "tile parent" : `tile ${part.kind || "mixed"} shade-${step % SHADES}`);
        // A cut number is a wrong one: the size comes first, or is left out.
        if (headed) made.textContent = `${size(part.bytes)}  ${part.name}`;
        else if (!opened && height > HEAD && width > HEAD)
          made.textContent = portion > LEAST_LABELLED && width > 4 * HEAD && height > 2 * HEAD ? `${part.name}\n${size(part.bytes)}` : part.name;
        const names = path.slice(way.length).map((one) => one.name);
        made.dataset.hint = `${names.join(" › ")}\n${size(part.bytes)}, ${share(part.bytes, here().bytes)} of ${here().name}\n${part.files} files`;
        Object.assign(made.style, { left: `${place.x}px`, top: `${place.y}px`, width: `${width}px`, height: `${height}px` });
        ways.set(made, path);
        treemap.append(made);
        const head = headed ? HEAD : 0;
        if (opened) tile(path, { x: place.x, y: place.y + head, width, height: height - head }, depth - 1, GAP);
      }
    };
    const paint = () => {
      treemap.replaceChildren();
      const box = { x: 0, y: 0, width: treemap.clientWidth, height: treemap.clientHeight };
      tile([...way], box, way.length > 1 ? 3 : 2, OUTER_GAP);
    };

    const open = (target, focus) => {
      way.splice(0, way.length, ...target);
      silence();
      paint();
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

    treemap.addEventListener("click", ({ target }) => {
      const path = ways.get(target);
      if (!path) return;
      const found = path.at(-1).children.length ? path : path.slice(0, -1);
      if (found.length > way.length) open(found, false);
    });
    byId("explorer").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && way.length > 1) open(way.slice(0, -1), true);
    });
    byId("explorer").hidden = false;
    show();
    new ResizeObserver(paint).observe(treemap); // it paints for the first time, too
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

  document.documentElement.classList.add("scripted");
  explore();
  searchable();
})();
