// The page of the lab: shows what the server says (see application.py), sends commands.
import * as draw from "./draw.js";
import {current, say, speak} from "./words.js";

const token = new URLSearchParams(location.search).get("token") || "";
const at = (id) => document.getElementById(id);
let about = null, frame = null, chosen = null, painting = false, twin = 0, spoken = 0, traced = null, ready = false;
const view = {test: false, discretise: false};

// Elements ---------------------------------------------------------------------------

function made(kind, settings = {}, ...inside) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(settings)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...inside.filter((one) => one !== null));
  return element;
}

const short = (v) => v === null || v === undefined ? "–" : Math.abs(v) >= 1e5 || (v && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(Number(v.toPrecision(4)));

function choice(id, options, value, change, names = (o) => o) {
  const select = made("select", {id, onchange: () => change(select.value)});
  for (const option of options) select.append(made("option", {value: option, textContent: names(option)}));
  select.value = value;
  return select;
}

// A number that is sent when it is left or Enter is pressed.
function number(id, value, settings, change) {
  return made("input", {id, type: "number", step: "any", value, ...settings,
    onchange: (event) => event.target.value !== "" && change(Number(event.target.value))});
}

// The settings that a description has of its own: its default stands in an empty field.
function owns(list, prefix, send) {
  return list.map((one) => {
    const id = `${prefix}-${one.name}`, usual = one.default ?? say("none");
    const control = one.kind === "switch"
      ? made("input", {id, type: "checkbox", checked: one.value ?? one.default, onchange: () => send({[one.name]: control.checked})})
      : made("input", {id, type: "number", step: one.kind === "whole" ? 1 : "any", placeholder: usual, value: one.value ?? "",
        onchange: () => control.validity.badInput || send({[one.name]: control.value === "" ? null : Number(control.value)})});
    if (one.least !== null) control.min = one.least;
    if (one.most !== null) control.max = one.most;
    control.setAttribute("aria-describedby", id + "-says");
    const says = made("span", {id: id + "-says", className: "small", textContent: `${say("default")} ${usual}${one.bounds ? `; ${one.bounds}` : ""}`});
    return made("div", {className: "own"}, made("label", {}, made("code", {textContent: one.name}), " ", control), " ", says);
  });
}

const unfolded = new Set();

function ownSettings(of, name, list, send) {
  if (!list.length) return "";
  const changed = list.filter((one) => one.value !== null).length;
  const details = made("details", {id: `own-${of}`, open: unfolded.has(of), ontoggle: () => unfolded[details.open ? "add" : "delete"](of)},
    made("summary", {id: `own-${of}-summary`, textContent: `${name}: ${say("settings")}${changed ? ` (${changed})` : ""}`}), made("div", {className: "owns"}, ...owns(list, of, send)));
  details.dataset.control = of;
  return details;
}

function labelled(text, control, name) {
  const label = made("label", {}, made("span", {textContent: text}), " ", control);
  if (name) label.dataset.control = name;
  return label;
}

function table(caption, head, rows) {
  const body = made("tbody");
  for (const [name, ...cells] of rows) {
    body.append(made("tr", {}, made("th", {scope: "row", textContent: name}), ...cells.map((c) => made("td", {textContent: c}))));
  }
  return made("table", {}, made("caption", {textContent: caption}),
    made("thead", {}, made("tr", {}, ...head.map((h) => made("th", {scope: "col", textContent: h})))), body);
}

// The server -------------------------------------------------------------------------

function trouble(text) {
  at("trouble").textContent = text || "";
  at("trouble").hidden = !text;
}

async function ask(command, slow) {
  if (slow) at("said").textContent = say("working");
  try {
    const response = await fetch("do", {method: "POST", body: JSON.stringify(command),
      headers: {"content-type": "application/json", authorization: "Bearer " + token}});
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    trouble("");
    return answer;
  } catch (error) {
    trouble(error instanceof TypeError ? say("lost") : error.message);
    return null;
  } finally {
    if (slow) at("said").textContent = say("ready");
  }
}

const change = (design) => ask({do: "change", design});

let heard = 0, source = null;

function listen() {
  if (source) source.close();
  source = new EventSource("events?token=" + encodeURIComponent(token));
  const hear = () => { if (heard < 0) trouble(""); heard = Date.now(); };
  source.addEventListener("beat", hear);
  source.addEventListener("about", (event) => { hear(); about = JSON.parse(event.data); built(); });
  source.addEventListener("frame", (event) => { hear(); frame = JSON.parse(event.data); later(); });
  source.onerror = () => { heard = -1; trouble(token ? say("lost") : say("noToken")); };
}

// A laptop that slept has a stream that is dead without a word.
setInterval(() => {
  if (source && (source.readyState === 2 || (heard > 0 && Date.now() - heard > 15000))) {
    heard = -1;
    trouble(say("lost"));
    listen();
  }
}, 3000);

// What is built ----------------------------------------------------------------------

function built() {
  if (!ready) {
    ready = true;
    if (opened()) return;
  }
  const focus = document.activeElement && document.activeElement.id;
  if (about.runs) return compared();
  const only = Boolean(about.monitor);
  document.querySelector("main").classList.toggle("only", only);
  at("output-title").classList.toggle("hidden", only);
  for (const id of ["data", "network", "many", "files", "settings", "lesson"]) at(id).classList.toggle("gone", only);
  for (const id of ["map-place", "keys", "axes", "reset"]) at(id).classList.toggle("gone", only);
  for (const box of ["show-test", "example"]) at(box).closest(".row").classList.toggle("gone", only);
  for (const one of document.querySelectorAll('[data-table="map"],[data-control="step"],[data-control="speed"],[data-control="rewind"],#diagnose')) one.classList.toggle("gone", only);
  if (only) {
    trouble("");
  } else {
    settings();
    dataFields();
    network();
    lesson();
    keys();
    remember();
  }
  findings(about.findings);
  if (focus && at(focus) && document.activeElement.id !== focus) at(focus).focus();
  traced = null;
  later();
}

function settings() {
  const place = at("settings"), design = about.design, title = at("settings-title");
  place.replaceChildren(title);
  if (!design) { place.append(made("span", {textContent: say("off")})); return; }
  const {choices} = about, own = (name) => (value) => change({[name]: value || null});
  place.append(
    labelled(say("lessons"), choice("lessons", ["", ...Object.keys(about.lessons)], about.lesson ? about.lesson.name : "",
      (name) => ask({do: "teach", lesson: name}), (n) => n ? about.lessons[n][current()] || about.lessons[n].en : say("none")), "lessons"),
    labelled(say("optimizer"), choice("optimizer", choices.optimizer, design.optimizer, own("optimizer")), "optimizer"),
    labelled(say("rate"), number("rate", design.rate, {min: 0.000001, max: 100, list: "rates"}, (rate) => change({rate})), "rate"),
    labelled(say("batch"), number("batch", design.batch, {min: 1, max: 20000}, (batch) => change({batch})), "batch"),
    labelled(say("loss"), choice("loss", ["", ...choices.loss], design.loss || "", own("loss"), (n) => n || say("asData")), "loss"),
    labelled(say("penalty"), choice("penalty", choices.penalty, design.penalty,
      (penalty) => change({penalty}), (n) => n === "none" ? say("none") : n), "penalty"),
    design.penalty === "none" ? "" : labelled(say("penaltyRate"), number("penalty-rate", design.penalty_rate, {min: 0, max: 10}, (penalty_rate) => change({penalty_rate})), "penalty"),
    labelled(say("stop"), made("input", {id: "stop", type: "number", step: "any", min: 0, value: frame && frame.stop !== null && frame.stop !== undefined ? frame.stop : "",
      onchange: (event) => ask({do: "view", stop: event.target.value === "" ? "" : Number(event.target.value)})}), "stop"),
    made("button", {id: "new-start", textContent: say("newStart"), onclick: () => ask({do: "renew", seed: "seed"})}),
    ownSettings("optimizer", design.optimizer, about.settings.optimizer, (own) => change({optimizer_settings: own})),
    ownSettings("loss", say("loss"), about.settings.loss, (own) => change({loss_settings: own})),
  );
  const varied = {rate: say("rate"), units: say("unit"), layers: say("depth"), batch: say("batch"), penalty_rate: say("penalty"), dropout: say("dropout")};
  for (const [id, usual] of [["map-across", 0], ["map-upwards", 1]]) {
    const select = at(id), kept = about.axes.includes(select.value) ? select.value : about.axes[usual];
    select.replaceChildren(...about.axes.map((name) => made("option", {value: name, textContent: varied[name] || name})));
    select.value = kept;
  }
}

function dataFields() {
  const place = at("data-fields"), {design, data} = about;
  place.replaceChildren();
  if (!design) { place.append(made("p", {className: "small", textContent: `${data.rows} × ${data.columns.length || data.image.join("×")}`})); return; }
  const sets = [...about.choices.data, ...(about.choices.data.includes(design.data) ? [] : [design.data])];
  const own = !about.choices.data.includes(design.data);
  place.append(labelled(say("dataset"), choice("dataset", sets, design.data, (data) => change({data})), "dataset"));
  if (!own) {
    place.append(
      labelled(say("rows"), number("rows", design.rows, {min: 4, max: 20000, step: 1}, (rows) => change({rows})), "rows"),
      labelled(say("noise"), number("noise", design.noise, {min: 0, max: 0.5}, (noise) => change({noise})), "noise"));
  }
  place.append(labelled(say("share"), number("share", design.share, {min: 0, max: 0.9}, (share) => change({share})), "share"));
  if (!own) place.append(made("button", {id: "new-data", textContent: say("newData"), onclick: () => ask({do: "renew", seed: "data_seed"})}));
  const plain = data.columns.length === 2 && data.columns[0] === "x1" && data.columns[1] === "x2";
  const names = plain ? about.choices.features : data.columns;
  if (names.length > 1 && names.length <= 50) {
    const set = made("fieldset", {id: "features"}, made("legend", {textContent: say("features")}));
    set.dataset.control = "features";
    names.forEach((name, i) => {
      const box = made("input", {type: "checkbox", id: "feature-" + i, checked: data.seen.includes(name), onchange: async () => {
        if (!await ask({do: "feature", name, seen: box.checked})) box.checked = !box.checked;
      }});
      set.append(made("label", {}, box, " " + name));
    });
    place.append(set);
  }
  const target = made("input", {id: "target", autocomplete: "off"});
  const file = made("input", {id: "table", type: "file", accept: ".csv,.tsv,.txt", onchange: async () => {
    if (!file.files.length) return;
    const text = await file.files[0].text();
    await ask({do: "load", text, target: target.value || null}, true);
  }});
  place.append(labelled(say("table"), file, "table"), labelled(say("target"), target, "table"));
  if (data.note) place.append(made("p", {className: "small", textContent: data.note}));
}

// The network ------------------------------------------------------------------------

let units = [];  // {stack name, index, canvas, button, value}

function network() {
  const columns = at("columns");
  columns.replaceChildren(at("lines"));
  units = [];
  const {design, data, layers} = about;
  const inputs = made("div", {className: "column inputs"}, made("div", {className: "head"}, made("b", {textContent: say("inputs")})));
  const names = data.image.length ? ["image"] : data.columns.length < 50 ? data.seen.slice(0, 16) : ["image"];
  names.forEach((name, i) => inputs.append(unit(-1, i, name, name)));
  columns.append(inputs);
  columns.classList.toggle("dense", layers.length > 4);
  layers.forEach((layer, i) => columns.append(column(layer, i, design)));
  const more = at("add-place");
  more.replaceChildren();
  if (design) {
    const kind = choice("new-kind", about.choices.kind.filter((k) => k !== "flatten" && (data.image.length || (k !== "conv" && k !== "pool"))), "dense", () => {});
    kind.setAttribute("aria-label", say("add"));
    more.append(kind, made("button", {id: "add", textContent: say("add"), onclick: () => {
      const blank = {dense: {kind: "dense", units: 4, activation: "tanh"}, dropout: {kind: "dropout", rate: 0.2}, conv: {kind: "conv", units: 4, size: 3, activation: "relu"}};
      ask({do: "add", layer: blank[kind.value] || {kind: kind.value}});
    }}));
  }
  if (chosen && (!layers[chosen.layer] || chosen.unit >= layers[chosen.layer].units)) chosen = null;
  inspect();
}

function unit(layer, index, name, text) {
  const canvas = made("canvas", {width: 20, height: 20});
  canvas.setAttribute("aria-hidden", "true");
  const value = made("span", {className: "value", textContent: layer < 0 ? name : ""});
  const button = made(layer < 0 ? "div" : "button", {className: "unit", id: `unit-${layer}-${index}`}, canvas, value);
  if (layer >= 0) {
    button.setAttribute("aria-label", text);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(layer, index, null));
  }
  units.push({layer, index, canvas, button, value});
  return button;
}

function column(layer, i, design) {
  const last = i === about.layers.length - 1, mine = design && layer.design !== null ? design.layers[layer.design] : null;
  const head = made("div", {className: "head"}, made("b", {textContent: layer.name}));
  const put = (changes) => ask({do: "layer", number: layer.number, changes}), units_ = (more) => ask({do: "layer", number: layer.number, more});
  head.dataset.control = "layers";
  if (mine && (mine.kind === "dense" || mine.kind === "conv")) {
    const n = layer.units;
    head.append(made("div", {},
      made("button", {id: `fewer-${i}`, textContent: "−", ariaLabel: `${layer.name}: ${say("fewer")}`, disabled: n < 2, onclick: () => units_(-1)}),
      made("span", {textContent: n}),
      made("button", {id: `more-${i}`, textContent: "+", ariaLabel: `${layer.name}: ${say("more")}`, onclick: () => units_(1)})));
    const pick = choice(`activation-${i}`, about.choices.activation, layer.activation || "linear", (activation) => put({activation}));
    pick.setAttribute("aria-label", `${layer.name}: ${say("activation")}`);
    const start = choice(`initializer-${i}`, about.choices.initializer, mine.initializer || "glorot_uniform", (initializer) => put({initializer}));
    start.setAttribute("aria-label", `${layer.name}: ${say("initializer")}`);
    start.dataset.control = "initializer";
    head.append(pick, start);
    for (const own of owns(about.settings.layers[layer.design], `initializer-${i}`, (changes) => put({initializer_settings: changes}))) {
      own.dataset.control = "initializer";
      head.append(own);
    }
  } else if (mine && mine.kind === "dropout") {
    const rate = number(`drop-${i}`, mine.rate ?? 0.2, {min: 0, max: 0.95}, (value) => put({rate: value}));
    rate.setAttribute("aria-label", `${layer.name}: ${say("rateNote")}`);
    head.append(rate);
  } else if (last && design) {
    const pick = choice("end", ["", ...about.choices.activation], design.end || "", (end) => change({end: end || null}), (n) => n || layer.activation);
    pick.setAttribute("aria-label", `${layer.name}: ${say("activation")}`);
    head.append(pick);
  } else if (layer.activation) head.append(made("span", {textContent: layer.activation}));
  if (mine) head.append(made("button", {id: `remove-${i}`, textContent: say("remove"), ariaLabel: `${layer.name}: ${say("remove")}`,
    onclick: () => ask({do: "remove", number: layer.number})}));
  head.append(made("span", {className: "state", id: `warn-${i}`}));
  const made_ = made("div", {className: "column" + (last ? " ends" : layer.kind === "Flatten" ? " bare" : "")}, head);
  if (layer.kind !== "Flatten") for (let j = 0; j < Math.min(layer.units, 16); j++) made_.append(unit(i, j, "", `${layer.name}, ${say("unit")} ${j + 1}`));
  if (layer.units > 16 && layer.kind !== "Flatten") made_.append(made("span", {className: "small", textContent: `… ${layer.units}`}));
  return made_;
}

// The layer whose units a dense layer's weights come from: the nearest with as many.
function before(i) {
  for (let j = i - 1; j >= 0; j--) if (about.layers[j].kind !== "Flatten") return j;
  return -1;
}

// Where units are: read before anything of a frame is written, so that nothing is laid
// out twice.
function spots() {
  const box = at("columns").getBoundingClientRect(), found = new Map();
  for (const one of units) {
    const b = one.button.getBoundingClientRect(), middle = b.top + b.height / 2 - box.top;
    found.set(one.button.id, [b.left - box.left, b.right - box.left, middle]);
  }
  return found;
}

function lines(where) {
  const svg = at("lines"), found = [];
  const centre = (id, right) => {
    const spot = where.get(id);
    return spot ? [spot[right ? 1 : 0], spot[2]] : null;
  };
  about.layers.forEach((layer, i) => {
    const kernel = frame.weights[i] && frame.weights[i].kernel, from = before(i);
    if (layer.kind !== "Dense" && from >= -1) {
      for (let j = 0; j < Math.min(layer.units, 16); j++) {
        const a = centre(`unit-${from}-${j}`, true), b = centre(`unit-${i}-${j}`, false);
        if (a && b) found.push([a, b, 0, null]);
      }
      return;
    }
    if (!kernel || !kernel.length) return;
    const rows = kernel.length / layer.units, top = Math.max(...kernel.map(Math.abs), 1e-9);
    const shown = from < 0 ? (about.data.seen.length === rows ? rows : 0) : about.layers[from].shape.length === 1 && about.layers[from].units === rows ? rows : 0;
    for (let r = 0; r < Math.min(shown, 16); r++) for (let j = 0; j < Math.min(layer.units, 16); j++) {
      const a = centre(`unit-${from}-${r}`, true), b = centre(`unit-${i}-${j}`, false);
      if (a && b) found.push([a, b, kernel[r * layer.units + j] / top, [i, r, j], kernel[r * layer.units + j]]);
    }
  });
  while (svg.childNodes.length > found.length) svg.lastChild.remove();
  while (svg.childNodes.length < found.length) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.append(document.createElementNS("http://www.w3.org/2000/svg", "title"));
    path.addEventListener("click", () => path.weight && choose(path.weight[0], path.weight[2], ["kernel", [path.weight[1], path.weight[2]]]));
    path.addEventListener("pointerenter", () => { if (path.weight) path.firstChild.textContent = hint(path.weight, path.number); });
    svg.append(path);
  }
  found.forEach(([a, b, v, weight, value], k) => {
    const path = svg.childNodes[k], half = (a[0] + b[0]) / 2;
    put(path, "d", `M${a[0]} ${a[1]}C${half} ${a[1]} ${half} ${b[1]} ${b[0]} ${b[1]}`);
    put(path, "stroke", weight ? draw.css(v < 0 ? draw.NEGATIVE : draw.POSITIVE) : "#999");
    put(path, "stroke-width", weight ? (.6 + 5.4 * Math.abs(v)).toFixed(1) : "1");
    put(path, "stroke-dasharray", weight && v < 0 ? "7 2" : "none");
    put(path, "class", weight && chosen && chosen.weight && chosen.layer === weight[0] && chosen.weight[0] === "kernel" && String(chosen.weight[1]) === String([weight[1], weight[2]]) ? "chosen" : "");
    path.weight = weight;
    path.number = value;
  });
}

// Sets what has changed alone: a style is costly to work out.
function put(element, name, value) {
  const kept = element.kept || (element.kept = {});
  if (kept[name] !== value) element.setAttribute(name, kept[name] = value);
}

function hint([i, r, j], value) {
  let text = `w${j + 1}${r + 1}[${i + 1}] = ${short(value)}`;
  const layer = traced && traced.layers[i];
  if (layer && layer.dw) text += `, dJ/dw = ${short(layer.dw[r * about.layers[i].units + j])}`;
  return text;
}

// A unit, its weights and its formulas ------------------------------------------------

function choose(layer, index, weight) {
  chosen = chosen && !weight && chosen.layer === layer && chosen.unit === index ? null : {layer, unit: index, weight};
  inspect();
  later();
}

let inspected = 0;

async function inspect() {
  const place = at("inspect");
  place.hidden = !chosen;
  for (const one of units) if (one.layer >= 0) one.button.setAttribute("aria-pressed", String(Boolean(chosen && chosen.layer === one.layer && chosen.unit === one.index)));
  if (!chosen || !frame) return;
  const layer = about.layers[chosen.layer], mine = ++inspected;
  const title = made("h3", {textContent: `${layer.name}, ${say("unit")} ${chosen.unit + 1}`});
  const fields = made("div", {className: "row", id: "weights"});
  const kernel = frame.weights[chosen.layer] && frame.weights[chosen.layer].kernel, bias = frame.weights[chosen.layer] && frame.weights[chosen.layer].bias;
  const edit = (weight, spot) => (value) => ask({do: "edit", layer: chosen.layer, weight, place: spot, value}).then(inspect);
  if (kernel && layer.kind === "Dense") {
    const rows = kernel.length / layer.units, from = before(chosen.layer);
    for (let r = 0; r < Math.min(rows, 16); r++) {
      const name = from < 0 ? about.data.seen[r] || `x${r + 1}` : `a${r + 1}`;
      const field = number(`w-${r}`, Number(kernel[r * layer.units + chosen.unit]), {}, edit("kernel", [r, chosen.unit]));
      field.addEventListener("focus", () => { if (String(chosen.weight) !== String(["kernel", [r, chosen.unit]])) { chosen.weight = ["kernel", [r, chosen.unit]]; formulas(mine, box); } });
      fields.append(labelled(`${say("weight")} ${name}`, field));
    }
  }
  if (bias && bias.length && layer.kind === "Dense") {
    const field = number("w-bias", Number(bias[chosen.unit]), {}, edit("bias", [chosen.unit]));
    field.addEventListener("focus", () => { chosen.weight = ["bias", [chosen.unit]]; formulas(mine, box); });
    fields.append(labelled(say("bias"), field));
  }
  const box = made("div", {});
  box.dataset.control = "glass";
  place.replaceChildren(title, fields, box, made("button", {textContent: say("close"), onclick: () => { chosen = null; inspect(); later(); }}));
  hidden();
  formulas(mine, box);
}

async function formulas(mine, box) {
  const layer = about.layers[chosen.layer], command = {do: "formula", layer: layer.name, unit: chosen.unit};
  const weight = chosen.weight || (layer.kind === "Dense" ? ["bias", [chosen.unit]] : null);
  if (weight) { [command.weight, command.place] = weight; }
  if (frame.playing) { box.replaceChildren(made("p", {className: "small", textContent: say("pause") + " …"})); return; }
  const told = await ask(command);
  if (!told || mine !== inspected) return;
  box.replaceChildren();
  for (const name of ["forward", "backward", "step"]) {
    if (!told[name].length) continue;
    box.append(made("h3", {textContent: say(name)}), made("pre", {tabIndex: 0, textContent: told[name].join("\n")}));
  }
}

async function trace() {
  if (!about.data || frame.playing) { traced = null; return; }
  const at_ = frame.version;
  const found = await ask({do: "trace"});
  if (found && frame.version === at_) { traced = {...found, version: at_}; later(); }
}

// What the frame says ----------------------------------------------------------------

function later() {
  if (painting || !frame || !about) return;
  painting = true;
  requestAnimationFrame(() => {
    painting = false;
    if (frame.built === undefined || frame.built === about.version) paint();  // else of what was built before
  });
}

const decodedOf = new WeakMap();
function decoded(stack) {
  if (!decodedOf.has(stack)) decodedOf.set(stack, draw.bytes(stack.data));
  return decodedOf.get(stack);
}

function paint() {
  const where = frame.pictures ? spots() : null;
  at("play").textContent = say(frame.playing ? "pause" : "play");
  if (about.monitor) {  // it can be ended, and not begun
    at("play").textContent = say("pause");
    at("play").disabled = !frame.playing;
    sized(at("curves"), 320);
  }
  at("epoch").textContent = frame.batches > 1 && frame.batch ? `${frame.epoch} + ${frame.batch}/${frame.batches}` : frame.epoch;
  at("losses").textContent = Object.entries(frame.last || {}).map(([name, v]) => `${name} ${short(v)}`).join("  ");
  at("pace").textContent = frame.pace ? `${frame.pace.toLocaleString()} ${say("speed")}` : "";
  if (frame.note) trouble(frame.note);
  const names = Object.keys(frame.curves || {}).filter((n) => n.endsWith("loss"));
  draw.curves(at("curves"), frame.curves.epoch, names.map((n) => [n, frame.curves[n]]), false);
  curveKeys(names);
  if (frame.pictures) {
    const {pictures} = frame;
    let cursor = -1;
    const stacks = about.layers.map((layer, i) => layer.kind === "Flatten" ? (cursor++, null) : pictures.units[++cursor] || null);
    for (const one of units) {
      const stack = one.layer < 0 ? pictures.inputs : stacks[one.layer];
      if (stack && one.index < stack.n) draw.unit(one.canvas, stack, one.index, decoded(stack));
      else if (one.layer === about.layers.length - 1) ends(one, pictures);
    }
    draw.map(at("map"), frame, about.data, view);
    const moved = values();
    lines(moved ? spots() : where);
    if (frame.valley) draw.valley(at("valley"), frame.valley);
    at("valley-place").hidden = !frame.valley;
    if (frame.valley) {
      const p = frame.valley.path, end = p[p.length - 1];
      at("valley-says").textContent = `w = ${short(end[0])}, b = ${short(end[1])}, min J = ${short(frame.valley.lowest)}`;
      at("valley").setAttribute("aria-label", `${say("valley")}: ${at("valley-says").textContent}`);
    }
    const slider = at("rewind");
    slider.max = Math.max(...frame.moments, 1);
    if (document.activeElement !== slider || frame.playing) slider.value = frame.epoch;
    if (document.activeElement !== at("example")) at("example").value = frame.example;
    if (document.activeElement !== at("speed")) at("speed").value = frame.speed;
    if (!frame.playing && (!traced || traced.version !== frame.version)) trace();
    if (chosen && !frame.playing && inspectedAt !== frame.version && !at("inspect").contains(document.activeElement)) { inspectedAt = frame.version; inspect(); }
  }
  warns();
  const now = Date.now();
  if (now - spoken > 1000 || !frame.playing) {
    spoken = now;
    at("said").textContent = about.monitor ? say(frame.playing ? "elsewhere" : "over") : `${say(frame.playing ? "trains" : "rests")}: ${say("epoch")} ${frame.epoch}${frame.last && frame.last.loss !== undefined ? ", " + say("loss") + " " + short(frame.last.loss) : ""}`;
    described();
  }
  if (now - twin > 1000 || !frame.playing) { twin = now; twins(); }
}

// As many pixels as there is room for, so that what is written there can be read.
function sized(canvas, height) {
  const wide = Math.max(Math.min(canvas.parentElement.clientWidth - 24, 900), 200), high = Math.min(height, Math.round(wide * .6));
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
}

let inspectedAt = 0;

function ends(one, pictures) {
  if (pictures.kind === "plane") draw.plain(one.canvas, pictures.output[one.index].data, pictures.side);
  else if (pictures.kind === "line") draw.strip(one.canvas, pictures.output[0]);
  else if (pictures.kind === "example") {
    const pen = one.canvas.getContext("2d"), v = pictures.output[0][one.index];
    pen.fillStyle = draw.css(draw.colour(2 * v - 1)); pen.fillRect(0, 0, one.canvas.width, one.canvas.height);
  }
}

// The example's numbers, under its units.
function values() {
  const before = at("columns").classList.contains("told");
  const seen = traced && traced.version === frame.version ? traced : null;
  for (const one of units) {
    if (one.layer < 0) continue;
    const layer = seen && about.layers[one.layer].shape.length === 1 && seen.layers[one.layer], name = at("shown").value;
    const a = layer && layer.a ? layer.a[one.index] : null, shown = layer && layer[name] ? layer[name][one.index] : null;
    one.value.textContent = shown === null || shown === undefined ? "" : short(shown);
    if (layer && layer.dz && layer.dz[one.index] !== undefined) one.button.title = `z = ${short(layer.z[one.index])}\na = ${short(a)}\ndJ/dz = ${short(layer.dz[one.index])}`;
  }
  at("columns").classList.toggle("told", Boolean(seen));
  const {data} = about;
  let text = "";
  if (seen && seen.y) text = `y = ${data.problem === "regression" ? short(seen.y[0]) : data.classes[seen.y[0]] ?? seen.y[0]}, L = ${short(seen.loss)}`;
  at("example-says").textContent = text;
  return before !== Boolean(seen);
}

function warns() {
  const by = {};
  const steepest = Math.max(...(frame.health || []).map((one) => one.gradient || 0));
  for (const one of frame.health || []) by[one.layer] = one;
  about.layers.forEach((layer, i) => {
    const seen = by[layer.name], parts = [];
    if (seen) {
      if (seen.dead.length) parts.push(`${seen.dead.length} ${say("dead")}`);
      if (seen.saturated.length) parts.push(`${seen.saturated.length} ${say("saturated")}`);
      if (seen.gradient !== null) parts.push(`|∇| ${short(seen.gradient)}`);
    }
    for (const finding of about.findings) if (finding.layer === layer.name) parts.push("⚠ " + finding.code);
    const place = at(`warn-${i}`);
    if (place) {
      place.textContent = parts.join(", ");
      const faint = seen && seen.gradient !== null && seen.gradient < steepest / 1000;  // it vanishes on its way back
      place.classList.toggle("warn", Boolean(faint) || parts.length > 1 || (parts.length === 1 && !parts[0].startsWith("|")));
    }
    for (const one of units) {
      if (one.layer !== i) continue;
      one.button.classList.toggle("dead", Boolean(seen && seen.dead.includes(one.index)));
      one.button.classList.toggle("saturated", Boolean(seen && seen.saturated.includes(one.index)));
    }
  });
}

function keys() {
  const {data} = about, place = at("keys");
  place.replaceChildren();
  if (data.problem === "regression") { 
    for (const [tone, end] of [[draw.NEGATIVE, Math.min], [draw.POSITIVE, Math.max]]) place.append(made("span", {className: "key"}, swatch(draw.css(tone)), short(end(...data.y))));
  } else {
    const marks = ["■", "●", "▲", "◆"];
    data.classes.forEach((name, k) => place.append(made("span", {className: "key"}, swatch(draw.css(draw.CLASSES[k % 10])), `${marks[k % 4]} ${name}`)));
  }
  const axes = at("axes");
  axes.replaceChildren();
  if (data.columns.length > 2 && data.columns.length < 50) {
    const all = data.columns.map((_, i) => String(i)), name = (i) => data.columns[i];
    axes.append(labelled(say("across"), choice("axis-x", all, String(data.axes[0]), (v) => ask({do: "view", axes: [Number(v), data.axes[1]]}), name)),
      labelled(say("upwards"), choice("axis-y", all, String(data.axes[1]), (v) => ask({do: "view", axes: [data.axes[0], Number(v)]}), name)));
  }
}

function swatch(colour, dash) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 15 10");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", dash ? "line" : "rect");
  const set = dash ? {x1: 0, x2: 15, y1: 5, y2: 5, stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash.join(" ")} : {x: 2, width: 10, height: 10, fill: colour};
  for (const [name, value] of Object.entries(set)) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

let keyed = "";
function curveKeys(names) {
  if (keyed === names.join() + draw.dark()) return;
  keyed = names.join() + draw.dark();
  at("curve-keys").replaceChildren(...names.map((name, i) => made("span", {className: "key"}, swatch(...draw.style(i).map((s, j) => j && !s.length ? [1, 0] : s)), name)));
}

function described() {
  const last = Object.entries(frame.last || {}).map(([n, v]) => `${n} ${short(v)}`).join(", ");
  at("curves").setAttribute("aria-label", `${say("curves")}: ${last || "–"}`);
  if (frame.pictures) at("map").setAttribute("aria-label", `${say("mapSays")}: ${last || "–"}`);
}

// The same in numbers, for who cannot see the pictures.
function twins() {
  for (const details of document.querySelectorAll("details[data-table]")) {
    if (!details.open) continue;
    const place = details.lastElementChild, kind = details.dataset.table;
    let found = null;
    if (kind === "curves") {
      const names = Object.keys(frame.curves).filter((n) => n !== "epoch"), n = frame.curves.epoch.length, step = Math.max(1, Math.ceil(n / 20));
      const rows = [];
      for (let i = n - 1; i >= 0; i -= step) rows.unshift([frame.curves.epoch[i], ...names.map((name) => short(frame.curves[name][i]))]);
      found = table(say("curves"), [say("epoch"), ...names], rows);
    } else if (kind === "map" && frame.pictures) found = mapTable();
    else if (kind === "network" && frame.pictures) {
      const rows = [];
      about.layers.forEach((layer, i) => {
        const weights = frame.weights[i] || {};
        for (const [name, values] of Object.entries(weights)) rows.push([`${layer.name} ${name}`, values.slice(0, 64).map(short).join("  ")]);
      });
      found = table(say("network"), [say("layer"), say("value")], rows);
    }
    if (found) place.replaceChildren(found);
  }
}

function mapTable() {
  const {pictures} = frame, {data} = about;
  if (pictures.kind === "line") return table(say("output"), ["x", "a"], pictures.x.filter((_, i) => i % 10 === 0).map((x, i) => [short(x), short(pictures.output[0][10 * i])]));
  if (pictures.kind === "example") return table(say("output"), [say("class"), "a"], pictures.output[0].map((v, k) => [data.classes[k] || k, short(v)]));
  const side = pictures.side, maps = pictures.output.map((one) => draw.bytes(one.data)), [low, high] = data.extent, rows = [], steps = 7;
  const spot = (k) => Math.round(k * (side - 1) / (steps - 1)), label = (k) => short(low + (high - low) * k / (steps - 1));
  const least = Math.min(...data.y), most = Math.max(...data.y);
  for (let r = 0; r < steps; r++) rows.push([label(steps - 1 - r), ...Array.from({length: steps}, (_, c) => {
    const i = spot(r) * side + spot(c);
    if (maps.length > 1) { let best = 0; maps.forEach((m, k) => { if (m[i] > maps[best][i]) best = k; }); return data.classes[best]; }
    const v = maps[0][i] / 127;
    return data.problem === "regression" ? short((least + most) / 2 + v * (most - least) / 2) : short((v + 1) / 2);
  })]);
  return table(say("mapSays"), [`${data.columns[data.axes[1]]} \\ ${data.columns[data.axes[0]]}`, ...Array.from({length: steps}, (_, c) => label(c))], rows);
}

// The guide --------------------------------------------------------------------------

function findings(found) {
  const place = at("findings"), language = current();
  place.replaceChildren();
  if (!found.length) place.append(made("p", {className: "small", textContent: say("nothing")}));
  for (const one of found) {
    const box = made("div", {className: `finding ${one.severity}`},
      made("b", {textContent: one.title[language] + (one.layer ? ` (${one.layer})` : "")}),
      made("p", {textContent: one.seen}), made("p", {textContent: `${say("why")}: ${one.why[language]}`}),
      made("p", {textContent: `${say("instead")}: ${one.instead[language]}`}));
    if (one.fix) box.append(made("button", {textContent: say("fix"), ariaLabel: `${say("fix")}: ${one.code}`, onclick: () => ask({do: "fix", code: one.code, layer: one.layer}, true)}));
    place.append(box);
  }
}

// Lessons ----------------------------------------------------------------------------

function lesson() {
  const {lesson: taught} = about, place = at("lesson");
  place.hidden = !taught;
  document.querySelector("main").classList.toggle("taught", Boolean(taught));
  hidden();
  if (!taught) { at("lesson-text").dataset.of = ""; return; }
  const language = taught.text[current()] ? current() : Object.keys(taught.text)[0];
  const key = `${taught.name} ${language}`;
  if (at("lesson-text").dataset.of === key) return;
  at("lesson-text").dataset.of = key;
  at("lesson-title").textContent = taught.title[language] || taught.title.en;
  const text = at("lesson-text");
  text.replaceChildren();
  let asked = 0, list = null;
  for (const block of taught.text[language].split(/\n\s*\n/)) {
    if (block.trim() === "{question}") { text.append(question(taught.questions[language][asked], asked)); asked++; continue; }
    if (/^#+ /.test(block)) { text.append(made("h3", {textContent: block.replace(/^#+ /, "")})); continue; }
    if (/^[-*] /.test(block)) {
      list = made("ul");
      for (const line of block.split(/\n(?=[-*] )/)) list.append(inline(made("li"), line.slice(2)));
      text.append(list);
      continue;
    }
    text.append(inline(made("p"), block));
  }
  text.append(made("button", {id: "end-lesson", textContent: say("end"), onclick: () => ask({do: "teach", lesson: null})}));
}

function inline(element, text) {
  for (const part of text.replace(/\n/g, " ").split(/(\*\*[^*]+\*\*|`[^`]+`)/)) {
    if (part.startsWith("**")) element.append(made("b", {textContent: part.slice(2, -2)}));
    else if (part.startsWith("`")) element.append(made("code", {textContent: part.slice(1, -1)}));
    else element.append(part);
  }
  return element;
}

function question(asked, i) {
  const box = made("div", {className: "question", id: `question-${i}`}), said = made("span", {role: "status"});
  const text = inline(made("p", {id: `question-text-${i}`}), asked.text);
  let value = () => null;
  box.append(text);
  if (asked.kind === "choice") {
    const group = made("div", {role: "radiogroup"});
    group.setAttribute("aria-labelledby", `question-text-${i}`);
    asked.answers.forEach((answer, k) => group.append(made("label", {}, made("input", {type: "radio", name: `question-${i}`, value: k}), " ", answer)));
    box.append(group);
    value = () => { const one = box.querySelector("input:checked"); return one ? Number(one.value) : null; };
  } else if (asked.kind === "number") {
    const field = made("input", {type: "number", step: "any"});
    field.setAttribute("aria-labelledby", `question-text-${i}`);
    box.append(field, " ");
    value = () => field.value === "" ? null : Number(field.value);
  }
  box.append(made("button", {textContent: say("answer"), onclick: async () => {
    const told = await ask({do: "answer", question: i, value: value()});
    if (!told) return;
    said.textContent = " " + say(told.right ? "right" : "wrong");
    said.className = told.right ? "right" : "wrong";
  }}), said);
  return box;
}

function hidden() {
  const hide = about.lesson ? about.lesson.hide : [];
  for (const one of document.querySelectorAll("[data-control]")) {
    const was = one.classList.contains("gone"), now = hide.includes(one.dataset.control);
    if (was !== now) one.classList.toggle("gone", now);
  }
  for (const name of ["data", "many", "files", "guide", "settings"]) at(name).classList.toggle("gone", hide.includes(name));
}

// Many -------------------------------------------------------------------------------

async function several() {
  const told = await ask({do: "several", seeds: Number(at("seeds").value), epochs: Number(at("many-epochs").value)}, true);
  if (!told) return;
  const place = at("many-place"), order = told.final.map((v, i) => [v === null ? Infinity : v, i]).sort((a, b) => a[0] - b[0]);
  const canvas = made("canvas", {width: 320, height: 140, role: "img"});
  const marks = ["10 %", "25 %", "50 %", "75 %", "90 %"];
  canvas.setAttribute("aria-label", `${told.monitor}: ${marks.map((m, i) => `${m} ${short(told.quantiles[i].at(-1))}`).join(", ")}`);
  place.replaceChildren(canvas, made("p", {className: "small", textContent: canvas.getAttribute("aria-label")}));
  draw.curves(canvas, told.epochs, told.quantiles.map((line, i) => [marks[i], line]), false);
  const tiles = made("div", {className: "tiles"});
  for (const [value, i] of order) {
    const button = made("button", {title: short(value), ariaLabel: `${say("open")}: ${say("member")} ${i}, ${told.monitor} ${short(value)}`, onclick: () => ask({do: "open", member: i})});
    if (told.pictures) {
      const tile = made("canvas");
      draw.plain(tile, told.pictures[i], 20);
      button.append(tile);
    } else button.append(short(value));
    tiles.append(button);
  }
  place.append(tiles);
}

async function survey() {
  const chosen_ = (id) => [at(id).value, at(id).selectedOptions[0].textContent], [[across, nameAcross], [upwards, nameUp]] = [chosen_("map-across"), chosen_("map-upwards")];
  const told = await ask({do: "survey", across, upwards, epochs: Number(at("many-epochs").value), side: 6}, true);
  if (!told) return;
  const [columns, rows] = told.values, order = told.losses.flat().filter((v) => v !== null).sort((a, b) => a - b);
  const body = made("tbody");
  told.losses.forEach((line, r) => {
    const row = made("tr", {}, made("th", {scope: "row", textContent: short(rows[r])}));
    line.forEach((v, c) => {
      const button = made("button", {textContent: v === null ? "NaN" : short(v), ariaLabel: `${say("open")}: ${nameUp} ${short(rows[r])}, ${nameAcross} ${short(columns[c])}, ${told.monitor} ${short(v)}`, onclick: () => ask({do: "open", member: r * line.length + c}, true)});
      const rank = v === null ? 1 : order.indexOf(v) / Math.max(order.length - 1, 1);  // one that is far off leaves the others their colours
      const tone = draw.colour((1 - rank) * (1 - rank));
      button.style.background = draw.css(tone);
      button.style.color = tone[0] + tone[1] + tone[2] > 330 ? "#000" : "#fff";
      row.append(made("td", {}, button));
    });
    body.prepend(row);
  });
  at("many-place").replaceChildren(wide(made("table", {className: "grid"}, made("caption", {textContent: `${told.monitor}: ${nameUp} × ${nameAcross}`}),
    made("thead", {}, made("tr", {}, made("th", {scope: "col", textContent: nameUp}), ...columns.map((v) => made("th", {scope: "col", textContent: short(v)})))), body)));
}

// A table that may be wider than the page: it moves by itself, by the keyboard too.
const wide = (own) => made("div", {className: "wide", tabIndex: 0, role: "group", ariaLabel: own.caption.textContent}, own);

// Files and links --------------------------------------------------------------------

function save(name, parts, type) {
  const link = made("a", {href: URL.createObjectURL(new Blob(parts, {type})), download: name});
  document.body.append(link);
  link.click();
  link.remove();
}

async function out(kind) {
  const told = await ask({do: "out", kind});
  if (!told) return;
  if (kind === "lab") { save("lab.json", [JSON.stringify(told.lab)], "application/json"); return; }
  const data = Uint8Array.from(atob(told.data), (c) => c.charCodeAt(0));
  if (kind !== "python") { save(told.name, [data], told.type); return; }
  const code = new TextDecoder().decode(data);
  at("code").textContent = code;
  at("code").hidden = false;
  copy(code);
}

function copy(text) {
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => { at("said").textContent = say("copied"); }, () => {});
}

// The design stands in the address, behind the #, without the token.
const encoded = () => encodeURIComponent(JSON.stringify({design: about.design, view, lesson: about.lesson ? about.lesson.name : undefined}));

function remember() {
  if (about.design) history.replaceState(null, "", location.search + "#" + encoded());
}

// What an address or a link says, if it says anything: true where the server is told.
function opened(link = location.hash) {
  const text = link.slice(link.indexOf("#") + 1);
  if (!link.includes("#") || !text || about.runs || about.monitor) return false;
  let told;
  try { told = JSON.parse(decodeURIComponent(text)); } catch { return false; }
  for (const name of ["test", "discretise"]) view[name] = Boolean(told.view && told.view[name]);
  at("show-test").checked = view.test;
  at("discretise").checked = view.discretise;
  if (!told.design || JSON.stringify(told.design) === JSON.stringify(about.design)) return false;
  if (about.lesson && !told.lesson) return false;
  change(told.design).then((done) => { if (!done) built(); });
  return true;
}

// Fits that are over -----------------------------------------------------------------

function compared() {
  document.querySelector("main").classList.add("only");
  for (const one of document.querySelectorAll("main > section, #settings, #run, .numbers > span")) one.classList.toggle("gone", one.id !== "runs");
  at("runs").hidden = false;
  const logs = [...new Set(about.runs.flatMap((run) => Object.keys(run.curves)))].filter((n) => n !== "epoch");
  const canvas = made("canvas", {role: "img"}), place = at("runs-place"), field = made("div", {}, canvas);
  const show = (name) => {
    const shown = about.runs.filter((run) => run.curves[name]), longest = shown.reduce((a, b) => a.epochs > b.epochs ? a : b);
    const epochs = longest.curves.epoch;
    sized(canvas, 320);
    draw.curves(canvas, epochs, shown.map((run) => [run.name, epochs.map((e) => { const i = run.curves.epoch.findIndex((x) => x >= e); return i < 0 ? null : run.curves[name][i]; })]), name.endsWith("loss"));
    canvas.setAttribute("aria-label", `${name}: ${shown.map((run) => `${run.name} ${short(run.last[name])}`).join(", ")}`);
    keysOf.replaceChildren(...shown.map((run, i) => made("span", {className: "key"}, swatch(...draw.style(i).map((s, j) => j && !s.length ? [1, 0] : s)), run.name)));
  };
  const keysOf = made("div", {className: "small"});
  const ends_ = logs.filter((n) => about.runs.some((run) => n in run.last));
  place.replaceChildren(choice("log", logs, logs.includes("val_loss") ? "val_loss" : logs[0], show), field, keysOf,
    wide(table(say("runs"), [say("name"), say("epochs"), say("seconds"), say("parameters"), ...ends_, say("best"), say("findings")],
      about.runs.map((run) => [run.name, run.epochs, short(run.seconds), short(run.parameters), ...ends_.map((n) => short(run.last[n])), short(run.best.val_loss ?? run.best.loss), run.findings.join(", ")]))));
  at("log").setAttribute("aria-label", say("curves"));
  show(at("log").value);
}

// The controls that are always there -------------------------------------------------

const on = (id, what, kind = "click") => at(id).addEventListener(kind, what);
on("play", () => ask({do: frame && frame.playing ? "pause" : "play"}));
on("reset", () => ask({do: "rewind", epoch: 0}));
for (const by of ["epoch", "batch", "example"]) on("step-" + by, () => ask({do: "step", by}));
on("rewind", () => ask({do: "rewind", epoch: Number(at("rewind").value)}), "change");
on("diagnose", async () => { const told = await ask({do: "diagnose"}, true); if (told) findings(told.findings); });
on("several", several);
on("survey", survey);
for (const kind of ["python", "keras", "onnx", "lab"]) on("out-" + kind, () => out(kind));
on("out-link", () => copy(location.href.split("?")[0] + "#" + encoded()));
on("out-picture", () => at("map").toBlob((blob) => save("lab.png", [blob], "image/png")));
on("in-lab", async () => { try { await ask({do: "restore", lab: JSON.parse(await at("in-lab").files[0].text())}); } catch (error) { trouble(error.message); } }, "change");
on("in-link", () => opened(at("in-link").value), "change");
on("show-test", () => { view.test = at("show-test").checked; remember(); later(); }, "change");
on("discretise", () => { view.discretise = at("discretise").checked; remember(); later(); }, "change");
on("shown", later, "change");
on("example", () => ask({do: "view", example: Number(at("example").value)}), "change");
on("map", (event) => {
  const box = at("map").getBoundingClientRect(), {data} = about;
  if (!data || !data.x.length) return;
  const x = (event.clientX - box.left) / box.width * at("map").width, y = (event.clientY - box.top) / box.height * at("map").height;
  let best = 0, least = Infinity;
  for (let i = 0; i < data.y.length; i++) {
    const [a, b] = draw.place(at("map"), data, i), far = (a - x) ** 2 + (frame.pictures.kind === "line" ? 0 : (b - y) ** 2);
    if (far < least) { least = far; best = i; }
  }
  ask({do: "view", example: data.numbers[best]});
});
for (const details of document.querySelectorAll("details[data-table]")) details.addEventListener("toggle", () => frame && twins());
on("language", () => {
  speak(at("language").value);
  try { localStorage.setItem("language", current()); } catch { /* a frame without storage */ }
  relabel();
  if (about) { at("lesson-text").dataset.of = ""; built(); }
}, "change");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => about && (keys(), later()));
addEventListener("resize", () => about && about.runs ? compared() : later());
at("scroll").addEventListener("scroll", later);

function relabel() {
  const speed = at("speed"), value = speed.value || "100";
  speed.replaceChildren(...[1, 10, 100, 1000, 0].map((n) => made("option", {value: n, textContent: n || say("most")})));
  speed.value = value;
}
on("speed", () => ask({do: "view", speed: Number(at("speed").value)}), "change");

let kept = null;
try { kept = localStorage.getItem("language"); } catch { /* a frame without storage */ }
at("language").value = kept || (navigator.language || "en").startsWith("ko") ? kept || "ko" : "en";
speak(at("language").value);
relabel();
if (token) listen(); else trouble(say("noToken"));
