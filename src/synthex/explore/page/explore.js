"use strict";
const $ = (id) => document.getElementById(id);
const COLOURS = ["#38c8ff", "#ff5f5f", "#7dff7a", "#ffd24d", "#d18cff", "#ff9d4d"];
const MODEL = "#ff922b";
let controls = [], state = {}, initial = {}, frame = null, answer = null;
let socket, number = 0, restTimer, waitTimer, lastFrames = [], pending = false, wanted = null;
const inputs = {};
window.explored = { frames: 0, answers: 0, rested: 0 };  // counted for tests and benchmarks

/* Controls, made from the server's table. */
function build(list) {
  const groups = new Map();
  for (const one of list) {
    if (!groups.has(one.group)) {
      const box = document.createElement("details"); box.open = true;
      box.append(Object.assign(document.createElement("summary"), { textContent: one.group }));
      $("controls").append(box); groups.set(one.group, box);
    }
    groups.get(one.group).append(row(one));
  }
}
function row(one) {
  const line = document.createElement("div"); line.className = "row"; if (one.hint) line.title = one.hint;
  const label = Object.assign(document.createElement("label"), { textContent: one.label, htmlFor: one.name });
  line.append(label);
  let field;
  if (one.kind === "choice") {
    field = document.createElement("select");
    for (const option of one.options) field.append(new Option(option.replace(/_/g, " ").replace("/", ": "), option));
    field.addEventListener("change", () => set({ [one.name]: field.value }, false));
    line.append(field);
  } else if (one.kind === "switch") {
    field = Object.assign(document.createElement("input"), { type: "checkbox" });
    field.addEventListener("change", () => set({ [one.name]: field.checked }, false));
    line.append(field);
  } else {
    const log = one.log, span = log ? Math.log(one.high / one.low) : 0;
    field = Object.assign(document.createElement("input"), { type: "range" });
    [field.min, field.max, field.step] = log ? [0, 1000, 1] : [one.low, one.high, one.step];
    const exact = Object.assign(document.createElement("input"), { type: "number", min: one.low, max: one.high, step: "any" });
    exact.setAttribute("aria-label", one.label + ", number");
    field.addEventListener("input", () => set({ [one.name]: log ? one.low * Math.exp(span * field.value / 1000) : +field.value }, true));
    field.addEventListener("change", () => rest());
    exact.addEventListener("change", () => { if (exact.value !== "" && isFinite(exact.value)) set({ [one.name]: +exact.value }, false); });
    const box = document.createElement("span"); box.className = "value";
    box.append(exact, Object.assign(document.createElement("span"), { textContent: one.unit }));
    line.append(box, field);
    one.show = (value) => {
      field.value = log ? 1000 * Math.log(value / one.low) / span : value;
      if (document.activeElement !== exact) exact.value = log ? value.toPrecision(2) : +value.toFixed(2);
    };
  }
  field.id = one.name;
  if (one.kind === "choice") one.show = (value) => { field.value = value; };
  if (one.kind === "switch") one.show = (value) => { field.checked = value; };
  inputs[one.name] = one;
  return line;
}
function clamp(name, value) { const one = inputs[name]; return Math.min(one.high, Math.max(one.low, value)); }
function set(changes, moving) {
  for (const [name, value] of Object.entries(changes)) state[name] = inputs[name].kind === "slider" ? clamp(name, value) : value;
  state.source_isocenter_mm = Math.min(state.source_isocenter_mm, state.sdd_mm - 50);
  for (const name in inputs) inputs[name].show(state[name]);
  gantry(); $("left").classList.add("stale");
  if (moving) { send(true); clearTimeout(restTimer); restTimer = setTimeout(rest, 220); } else rest();
}
function rest() { clearTimeout(restTimer); send(false); }

/* One request at a time: the newest state follows when its answer is there. */
function send(moving) {
  wanted = { state: { ...state }, moving, ask: $("ask").checked && !$("askLabel").hidden };
  if (!pending) flush();
}
function flush() {
  if (!wanted || !socket || socket.readyState !== 1) return;
  pending = true; socket.send(JSON.stringify({ ...wanted, number: ++number })); wanted = null;
  clearTimeout(waitTimer); waitTimer = setTimeout(() => { $("busy").hidden = false; }, 900);
}
function connect() {
  const base = location.pathname.replace(/[^/]*$/, "");
  socket = new WebSocket(`ws://${location.host}${base}live`); socket.binaryType = "arraybuffer";
  socket.onopen = () => { pending = false; say(""); rest(); };
  socket.onclose = () => { say("synthex explore has ended; start it again and reload.", true); };
  socket.onmessage = (event) => {
    const length = new DataView(event.data).getUint32(0, true);
    const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(event.data, 4, length)));
    if (facts.kind === "frame") drawFrame(facts, new Uint8Array(event.data, 4 + length));
    else if (facts.kind === "answer") drawAnswer(facts);
    else { say(facts.message, true); }
    if (facts.kind !== "answer") { pending = false; clearTimeout(waitTimer); $("busy").hidden = true; flush(); }
  };
}
function say(text, bad) { $("message").textContent = text; $("message").className = bad ? "bad" : ""; }

/* Drawing. */
function drawFrame(facts, pixels) {
  const canvas = $("image"), { width, height } = facts;
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const shown = new ImageData(width, height);
  const words = new Uint32Array(shown.data.buffer);
  for (let i = 0; i < words.length; i++) { const v = pixels[i]; words[i] = 0xff000000 | v << 16 | v << 8 | v; }
  canvas.getContext("2d").putImageData(shown, 0, 0);
  frame = facts; answer = null; window.explored.frames += 1; if (!facts.moving) window.explored.rested += 1;
  if (!facts.moving) say("");
  $("stage").classList.toggle("bright", state.bone_dark);
  const now = performance.now();
  lastFrames = lastFrames.filter((t) => now - t < 2000); lastFrames.push(now);
  for (const [id, side] of [["top", "top"], ["right", "right"], ["bottom", "bottom"], ["sideLeft", "left"]]) $(id).textContent = facts.letters[side];
  const perMm = facts.magnification / facts.pixel_mm / width;
  const length = [100, 50, 20, 10, 5].find((mm) => mm * perMm < 0.34) || 5;
  $("scale").firstElementChild.style.width = `${100 * length * perMm / 100 * $("stage").clientWidth}px`;
  $("scale").lastElementChild.textContent = `${length} mm at the isocentre`;
  const rate = facts.moving && lastFrames.length > 2 ? ` · ${(1000 * (lastFrames.length - 1) / (now - lastFrames[0])).toFixed(0)} frames/s` : "";
  $("corner").textContent = `${facts.subject} · simulated · ${width} × ${height}${rate}`;
  const parts = [side(state.lao_rao_deg, "LAO", "RAO"), side(state.cranial_caudal_deg, "CRAN", "CAUD")];
  if (facts.kvp !== undefined) parts.push(`${facts.kvp.toFixed(0)} kV`, `${facts.mas < 10 ? facts.mas.toPrecision(2) : facts.mas.toFixed(0)} mAs`);
  parts.push(`SID ${state.sdd_mm.toFixed(0)} mm`, `magnification ${facts.magnification.toFixed(2)}`, `pixel ${facts.pixel_mm.toFixed(2)} mm`);
  $("facts").textContent = parts.join(" · ");
  if (!facts.moving || !$("ask").checked) $("answer").hidden = $("askLabel").hidden || !$("ask").checked;
  draw();
}
function side(value, plus, minus) { return value === 0 ? `${plus} 0°` : `${value > 0 ? plus : minus} ${Math.abs(value).toFixed(0)}°`; }
function drawAnswer(facts) {
  if (!frame || facts.number !== frame.number) return;
  answer = facts; window.explored.answers += 1; $("left").classList.remove("stale"); $("answer").hidden = false;
  const parts = [];
  if (!facts.shared) parts.push("is asked about what this scene has no labels for");
  else if (facts.visible) parts.push(`finds ${facts.found} of ${facts.visible} landmarks`);
  if (facts.median_mm !== null) parts.push(`median error ${facts.median_mm.toFixed(1)} mm at the detector`);
  if (facts.wrong) parts.push(`${facts.wrong} where there is none`);
  if (facts.dice !== null) parts.push(`mean Dice ${facts.dice.toFixed(2)}`);
  parts.push(`${(1000 * facts.seconds).toFixed(0)} ms`);
  $("answer").innerHTML = ""; $("answer").append(Object.assign(document.createElement("b"), { textContent: "Model " }), parts.join(" · "));
  draw();
}
function draw() {
  if (!frame) return;
  const svg = $("overlay"), size = frame.width / 100;
  svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`); svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren();
  const add = (tag, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text) node.textContent = text; svg.append(node); return node;
  };
  const outlines = (masks, colour, dash) => Object.entries(masks).forEach(([name, d], index) => d && add("path", {
    d, transform: `scale(${1 / frame.units})`, fill: dash ? "none" : colour(index), "fill-opacity": 0.07, "fill-rule": "evenodd", stroke: colour(index),
    "stroke-width": dash ? 1.8 : 1.3, "stroke-dasharray": dash ? "5 4" : "none", "vector-effect": "non-scaling-stroke" }));
  const points = (list, colour, cross) => {
    for (const point of list) {
      const { x, y } = point, r = size * 0.9;
      if (cross) add("path", { d: `M${x - r} ${y}h${2 * r}M${x} ${y - r}v${2 * r}`, stroke: colour, "stroke-width": 1.6, "vector-effect": "non-scaling-stroke", class: "landmark" });
      else add("circle", { cx: x, cy: y, r: r * 0.95, fill: "none", stroke: colour, "stroke-width": 1.8, "vector-effect": "non-scaling-stroke", opacity: 0.45 + 0.55 * point.confidence, class: "answered" });
      if ($("names").checked && cross) add("text", { x: x + 1.3 * r, y: y - 0.6 * r, fill: colour, "font-size": 2.1 * size, "font-family": "system-ui, DejaVu Sans, sans-serif" }, point.name);
    }
  };
  if ($("masks").checked) outlines(frame.masks, (index) => COLOURS[index % COLOURS.length], false);
  if (answer && $("ask").checked && $("masks").checked) outlines(answer.masks, () => MODEL, true);
  if ($("landmarks").checked) points(frame.landmarks, "#fff3a6", true);
  if (answer && $("ask").checked) points(answer.landmarks, MODEL, false);
}

/* Where the C-arm stands: seen from the feet, and from the patient's right. */
function gantry() {
  const anterior = state.source_side === "anterior" ? 1 : -1;
  const share = state.source_isocenter_mm / state.sdd_mm, whole = 78, tube = whole * share, panel = whole - tube;
  const picture = (title, angle, body, left, right) => {
    const a = angle * Math.PI / 180, ux = Math.sin(a), uy = -Math.cos(a);  // towards the anterior end
    const sx = 60 + anterior * ux * tube, sy = 56 + anterior * uy * tube, dx = 60 - anterior * ux * panel, dy = 56 - anterior * uy * panel;
    const half = 21 * state.field_mm / 430, px = -uy * half, py = ux * half;
    return `<svg viewBox="0 0 120 126">${body}<path d="M${sx} ${sy}L${dx + px} ${dy + py}L${dx - px} ${dy - py}Z" fill="var(--accent)" opacity=".17"/>
      <path d="M${sx} ${sy}L${dx} ${dy}" stroke="var(--accent)" stroke-dasharray="2 2"/><circle cx="${sx}" cy="${sy}" r="4" fill="#ffa94d"/>
      <path d="M${dx + px * 1.15} ${dy + py * 1.15}L${dx - px * 1.15} ${dy - py * 1.15}" stroke="var(--ink)" stroke-width="3.6" stroke-linecap="round"/>
      <text x="3" y="60">${left}</text><text x="117" y="60" text-anchor="end">${right}</text><text x="60" y="123" text-anchor="middle">${title}</text></svg>`;
  };
  const section = '<ellipse cx="60" cy="56" rx="27" ry="17" fill="none" stroke="var(--soft)"/><circle cx="60" cy="68" r="2.4" fill="var(--soft)"/>';
  const profile = '<path d="M22 56q0-8 8-8q7 0 8 5q14-9 44-4l22 3v9q-26 6-46 4q-16 1-20-3q-3 4-9 3q-7-1-7-9Z" fill="none" stroke="var(--soft)"/>';
  $("gantry").innerHTML = picture("from the feet", state.lao_rao_deg, section, "R", "L") + picture("from the right", -state.cranial_caudal_deg, profile, "S", "I");
}

/* Mouse and keys on the picture. */
function turn(lao, cranial) { set({ lao_rao_deg: Math.round(state.lao_rao_deg + lao), cranial_caudal_deg: Math.round(state.cranial_caudal_deg + cranial) }, true); }
function shift(columns, rows) {  // the picture's content follows, by parts of its width
  if (!frame) return;
  const mm = frame.width * frame.pixel_mm / frame.magnification, names = ["right_mm", "front_mm", "head_mm"], changes = {};
  names.forEach((name, axis) => { changes[name] = state[name] - mm * (columns * frame.axes[0][axis] + rows * frame.axes[1][axis]); });
  set(changes, true);
}
function zoom(factor) { set({ field_mm: state.field_mm * factor }, true); }
let grip = null;
$("stage").addEventListener("pointerdown", (event) => { grip = [event.clientX, event.clientY]; $("stage").setPointerCapture(event.pointerId); $("stage").classList.add("dragging"); });
$("stage").addEventListener("pointermove", (event) => {
  if (!grip) return;
  const width = $("stage").clientWidth, dx = (event.clientX - grip[0]) / width, dy = (event.clientY - grip[1]) / width;
  if (event.shiftKey) { shift(dx, dy); grip = [event.clientX, event.clientY]; return; }
  const lao = Math.trunc(-dx * 120), cranial = Math.trunc(dy * 120);
  if (lao || cranial) { turn(lao, cranial); grip = [grip[0] - lao * width / 120, grip[1] + cranial * width / 120]; }
});
for (const name of ["pointerup", "pointercancel"]) $("stage").addEventListener(name, () => { if (grip) { grip = null; $("stage").classList.remove("dragging"); rest(); } });
$("stage").addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.06 : 1 / 1.06); }, { passive: false });
document.addEventListener("keydown", (event) => {
  const tag = event.target.tagName, typing = (tag === "INPUT" && event.target.type !== "checkbox") || tag === "SELECT";
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const step = event.shiftKey ? null : 2, key = event.key;
  const onStage = { ArrowLeft: () => step ? turn(-step, 0) : shift(-0.02, 0), ArrowRight: () => step ? turn(step, 0) : shift(0.02, 0),
    ArrowUp: () => step ? turn(0, step) : shift(0, -0.02), ArrowDown: () => step ? turn(0, -step) : shift(0, 0.02),
    "+": () => zoom(1 / 1.06), "=": () => zoom(1 / 1.06), "-": () => zoom(1.06),
    ",": () => set({ roll_deg: state.roll_deg - 2 }, true), ".": () => set({ roll_deg: state.roll_deg + 2 }, true) };
  const anywhere = { m: () => $("masks").click(), l: () => $("landmarks").click(), n: () => $("names").click(), a: () => $("ask").click(),
    r: () => $("reset").click(), c: () => $("copy").click(), s: () => $("save").click() };
  const act = (document.activeElement === $("stage") || document.activeElement === document.body) && onStage[key] || anywhere[key.toLowerCase()];
  if (act) { event.preventDefault(); act(); }
});
for (const id of ["masks", "landmarks", "names"]) $(id).addEventListener("change", draw);
$("ask").addEventListener("change", () => { if ($("ask").checked) rest(); else { answer = null; $("answer").hidden = true; draw(); } });
$("reset").addEventListener("click", () => set({ ...initial }, false));
const post = (what) => fetch(what, { method: "POST", body: JSON.stringify(state), headers: { "Content-Type": "application/json" } });
$("copy").addEventListener("click", async () => {
  const text = await (await post("config")).text();
  try { await navigator.clipboard.writeText(text); say("Copied. Save it as conf/experiment/explored.yaml, then: synthex preview experiment=explored"); }
  catch { say("The browser does not let the page copy; the config is in the saved archive too.", true); }
});
$("save").addEventListener("click", async () => {
  say("saving …");
  const got = await post("archive");
  if (!got.ok) { say(await got.text(), true); return; }
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await got.blob()), download: "synthex-explored.zip" });
  link.click(); URL.revokeObjectURL(link.href); say("Saved: image.png, image.npy, labels.json, image.dcm and explored.yaml in synthex-explored.zip");
});
function theme(name) { document.documentElement.dataset.theme = name; }
const dark = matchMedia("(prefers-color-scheme: dark)"); theme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
$("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

fetch("facts").then((got) => got.json()).then((facts) => {
  controls = facts.controls; build(controls);
  for (const one of controls) initial[one.name] = one.default;
  state = { ...initial };
  if (facts.model) { $("askLabel").hidden = false; $("modelName").textContent = facts.model; }
  for (const name in inputs) inputs[name].show(state[name]);
  gantry(); connect();
});
