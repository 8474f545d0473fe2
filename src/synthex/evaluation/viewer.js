"use strict";
(() => {
  const data = JSON.parse(document.getElementById("viewer-data").textContent);
  const byId = (id) => document.getElementById(id);
  const SVG = "http:" + "//www.w3.org/2000/svg"; // a name, never fetched
  const PAGE = 24;
  const state = { method: 0, name: "", order: "worst", query: "", page: 0, open: -1, list: [] };

  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const svg = (tag, attributes, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  // How bad a method is at a case, in what is shown; undefined where that is not scored.
  const badness = (one, method) => {
    const found = one.methods[method];
    const index = Number(state.name.slice(1));
    const value = state.name === "" ? found.rank : state.name[0] === "s" ? found.dice[index] : found.error[index];
    return typeof value !== "number" ? undefined : state.name[0] === "s" ? 1 - value : value;
  };
  const isDice = () => state.name[0] === "s" || (state.name === "" && data.landmarks.length === 0);
  const text = (value, dice) => (typeof value !== "number" ? "–" : dice ? value.toFixed(3) : value.toFixed(2) + " mm");
  const scoreText = (one, method) => {
    const value = badness(one, method);
    return value === undefined ? "–" : isDice() ? "Dice " + text(1 - value, true) : text(value, false);
  };
  const spread = (one) => {
    const values = data.methods.map((_, method) => badness(one, method)).filter((value) => value !== undefined);
    return values.length > 1 ? Math.max(...values) - Math.min(...values) : -1;
  };

  const select = () => {
    const query = state.query.trim().toLowerCase();
    const list = data.cases.filter((one) => (one.id + " " + one.subject).toLowerCase().includes(query)
      && (state.name === "" || data.methods.some((_, method) => badness(one, method) !== undefined)));
    const key = (one) => {
      const value = badness(one, state.method);
      if (state.order === "differ") return -spread(one);
      if (value === undefined) return Infinity;
      return state.order === "best" ? value : -value;
    };
    if (state.order === "id") list.sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
    else list.sort((a, b) => { const [x, y] = [key(a), key(b)]; return x === y ? 0 : x - y; });
    state.list = list;
  };

  const wanted = (kind, index) => state.name === "" || state.name === kind + index;

  const masks = (marks, css) => marks.outlines
    .map((d, index) => (d !== "" && wanted("s", index) ? svg("path", { class: css, d }, title(data.structures[index])) : null))
    .filter(Boolean);
  const title = (name) => svg("title", {}, name);

  // Truth and one method's answer over the picture, both fading by the page's two variables.
  const overlay = (one, method, large) => {
    const [width, height] = one.size.map((side) => side * data.units);
    const found = one.methods[method];
    const truth = svg("g", { class: "truth" }, ...masks(one.truth, "mask"));
    const guess = svg("g", { class: "guess" }, ...masks(found, "mask"));
    const r = Math.max(width, height) / (large ? 90 : 60);
    data.landmarks.forEach((name, index) => {
      if (!wanted("l", index)) return;
      const at = one.truth.points[index];
      const to = found.points[index];
      if (at) truth.append(svg("circle", { cx: at[0], cy: at[1], r }, title(name)));
      if (at && (large || state.name !== "")) {
        const right = at[0] > width * 0.75;
        truth.append(svg("text", { x: at[0] + (right ? -1.6 : 1.6) * r, y: at[1] + 0.5 * r, "font-size": 2.3 * r,
          "text-anchor": right ? "end" : "start" }, name));
      }
      if (!to) return;
      const css = found.present[index] ? (one.absent[index] ? "false" : "hit") : "miss";
      if (at) guess.append(svg("line", { class: css, x1: at[0], y1: at[1], x2: to[0], y2: to[1] }));
      if (css !== "miss") {
        const cross = `M${to[0] - r} ${to[1] - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`;
        guess.append(svg("path", { class: css, d: cross }, title(name)));
      }
    });
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, truth, guess);
  };

  const picture = (one, method, large) => {
    const image = el("img", { src: "data:image/jpeg;base64," + one.image, width: one.size[0], height: one.size[1],
      alt: `Radiograph ${one.id} with truth and prediction of ${data.methods[method]}`, loading: "lazy", decoding: "async" });
    return el("span", { class: "shot" }, image, overlay(one, method, large));
  };

  const card = (one, place) => {
    const scores = el("span", { class: "scores" });
    data.methods.forEach((name, method) => {
      const chosen = method === state.method && data.methods.length > 1 ? " chosen" : "";
      const label = data.methods.length > 1 ? name + " " : "";
      scores.append(el("span", { class: `m${method % 6}${chosen}` }, label + scoreText(one, method)));
    });
    const node = el("button", { type: "button", class: "case" }, picture(one, state.method, false),
      el("span", { class: "id" }, one.id), scores);
    node.addEventListener("click", () => open(place));
    return node;
  };

  const draw = () => {
    select();
    const pages = Math.max(1, Math.ceil(state.list.length / PAGE));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const from = state.page * PAGE;
    const part = state.list.slice(from, from + PAGE);
    byId("grid").replaceChildren(...part.map((one, index) => card(one, from + index)));
    const count = `${from + 1} to ${from + part.length} of ${state.list.length}`;
    byId("where").textContent = part.length ? count : "No case has that in its id.";
    byId("back").disabled = state.page === 0;
    byId("next").disabled = state.page === pages - 1;
  };

  const scoreTable = (one) => {
    const head = el("tr", {}, el("th", { scope: "col" }, ""), ...data.methods.map((name) => el("th", { scope: "col" }, name)));
    const rows = [];
    const row = (name, values) => rows.push(el("tr", {}, el("td", {}, name), ...values.map((value) => el("td", {}, value))));
    const overall = data.landmarks.length ? (found) => text(found.rank, false)
      : (found) => text(typeof found.rank === "number" ? 1 - found.rank : found.rank, true);
    if (data.landmarks.length || data.ranked === "mean Dice") row(data.ranked, one.methods.map(overall));
    data.structures.forEach((name, index) => row("Dice " + name, one.methods.map((found) => text(found.dice[index], true))));
    data.landmarks.forEach((name, index) => row(name, one.methods.map((found) => one.absent[index]
      ? (found.present[index] ? "claimed, not in the image" : "not in the image")
      : text(found.error[index], false) + (found.present[index] || typeof found.error[index] !== "number" ? "" : ", missed"))));
    return el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
  };

  const open = (place) => {
    if (place < 0 || place >= state.list.length) return;
    state.open = place;
    const one = state.list[place];
    byId("case-name").textContent = `${one.id} · ${one.subject}`;
    byId("panels").replaceChildren(...data.methods.map((name, method) => {
      const caption = data.methods.length > 1 ? el("figcaption", { class: `m${method % 6}` }, el("i"), name) : "";
      return el("figure", {}, picture(one, method, true), caption);
    }));
    byId("case-scores").replaceChildren(scoreTable(one));
    byId("case-back").disabled = place === 0;
    byId("case-next").disabled = place === state.list.length - 1;
    if (!byId("case").open) byId("case").showModal();
    history.replaceState(history.state, "", "#case=" + encodeURIComponent(one.id));
  };
  const step = (by) => {
    open(state.open + by);
    const page = Math.floor(state.open / PAGE);
    if (page !== state.page) { state.page = page; draw(); }
  };

  const fade = (value) => {
    const t = Number(value);
    const truth = t <= 1 ? t : t <= 1.5 ? 1 : 2 * (2 - t);
    const guess = t <= 1 ? 0 : Math.min(1, 2 * (t - 1));
    document.documentElement.style.setProperty("--show-truth", truth);
    document.documentElement.style.setProperty("--show-guess", guess);
    for (const id of ["fade", "case-fade"]) byId(id).value = t;
  };

  const on = (id, event, change) => byId(id).addEventListener(event, change);
  on("query", "input", (event) => { state.query = event.target.value; state.page = 0; draw(); });
  for (const [id, key] of [["method", "method"], ["name", "name"], ["order", "order"]]) {
    on(id, "change", (event) => {
      state[key] = key === "method" ? Number(event.target.value) : event.target.value;
      state.page = 0;
      draw();
    });
  }
  on("back", "click", () => { state.page -= 1; draw(); });
  on("next", "click", () => { state.page += 1; draw(); });
  on("case-back", "click", () => step(-1));
  on("case-next", "click", () => step(1));
  on("case-close", "click", () => byId("case").close());
  on("case", "close", () => { history.replaceState(history.state, "", location.pathname + location.search); });
  on("case", "click", (event) => { if (event.target === byId("case")) byId("case").close(); });
  on("case", "keydown", (event) => {
    if (event.target.type === "range") return; // there the arrows move the slider
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  for (const id of ["fade", "case-fade"]) on(id, "input", (event) => fade(event.target.value));
  for (const stop of document.querySelectorAll("[data-fade]")) stop.addEventListener("click", () => fade(stop.dataset.fade));

  const follow = () => {
    const match = /^#case=(.+)$/.exec(location.hash);
    if (match) open(state.list.findIndex((one) => one.id === decodeURIComponent(match[1])));
  };
  byId("viewer").hidden = false;
  fade(byId("fade").value);
  state.name = byId("name").value;
  draw();
  follow();
  window.addEventListener("hashchange", follow);
  // How long the page took, for whoever measures it: ms from the start of the navigation to its load event.
  window.addEventListener("load", () => { document.documentElement.dataset.loadedMs = Math.round(performance.now()); });
})();
