"use strict";
let token = "", schema = null, asked = 0;

const at = (id) => document.getElementById(id);

function made(kind, text, parent) {
  const element = document.createElement(kind);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

const short = (x) => typeof x === "number" ? String(Number(x.toPrecision(5))) : String(x);

async function call(path, row) {
  const headers = token ? {"authorization": "Bearer " + token} : {};
  const options = {headers};
  if (row !== undefined) {
    headers["content-type"] = "application/json";
    Object.assign(options, {method: "POST", body: JSON.stringify(row)});
  }
  const response = await fetch(path, options);
  const told = await response.json();
  if (response.status === 401) at("door").hidden = false;
  if (!response.ok) throw new Error(told.error);
  return told;
}

function failed(error) {
  at("error").textContent = error.message;
  at("error").hidden = false;
}

function field(column, i) {
  const place = made("div", undefined, at("fields"));
  const label = made("label", column.name, place);
  label.htmlFor = "field" + i;
  let input;
  if (column.values && column.values.length <= 50) {
    input = made("select", undefined, place);
    made("option", "", input).value = "";
    for (const word of column.values) made("option", word, input).value = word;
  } else {
    input = made("input", undefined, place);
    input.autocomplete = "off";
    if (column.role === "number") {
      input.type = "number";
      input.step = "any";
    } else if (column.role === "date") {
      input.placeholder = column.highest || "";
    } else if (column.values) {
      const list = made("datalist", undefined, place);
      list.id = "words" + i;
      input.setAttribute("list", list.id);
      for (const word of column.values.slice(0, 1000)) {
        made("option", undefined, list).value = word;
      }
    }
  }
  input.id = "field" + i;
  if (column.lowest !== undefined && column.lowest !== null) {
    made("small", short(column.lowest) + " to " + short(column.highest), place);
  }
}

function row() {
  const cells = {};
  schema.columns.forEach((column, i) => {
    const value = at("field" + i).value.trim();
    const number = column.role === "number" && value !== "";
    cells[column.name] = value === "" ? null : number ? Number(value) : value;
  });
  return cells;
}

function line(table, name, value) {
  const tr = made("tr", undefined, table);
  made("th", name, tr).scope = "row";
  const cell = made("td", value, tr);
  cell.className = "n";
  return made("td", undefined, tr);
}

function showAnswer(name, said) {
  if (schema.targets.length > 1) made("h3", name, at("said"));
  const first = said.prediction === null ? "not sure enough" : short(said.prediction);
  made("p", first, at("said")).className = "said";
  if (said.probabilities) {
    const table = made("table", undefined, at("said"));
    const order = Object.entries(said.probabilities).sort((a, b) => b[1] - a[1]);
    for (const [label, share] of order.slice(0, 20)) {
      const bar = made("meter", undefined, line(table, label, (100 * share).toFixed(1) + " %"));
      bar.value = share;
    }
  } else {
    const share = 100 * schema.coverage;
    made("p", short(share) + " % of such rows lie between " + short(said.lower) + " and " +
      short(said.upper), at("said"));
  }
  for (const warning of said.warnings) made("li", warning, at("warnings"));
}

function showParts(name, told) {
  if (schema.targets.length > 1) made("h3", name, at("parts"));
  const of = told.of === undefined ? "" : "probability of " + told.of + ": ";
  made("p", of + "typically " + short(told.typical) + ", here " + short(told.prediction),
    at("parts"));
  const table = made("table", undefined, at("parts"));
  const most = Math.max(1e-12, ...told.contributions.map((part) => Math.abs(part.adds)));
  for (const part of told.contributions.slice(0, 20)) {
    const sign = part.adds > 0 ? "+" : "";
    const bar = made("progress", undefined, line(table, part.column, sign + short(part.adds)));
    bar.max = most;
    bar.value = Math.abs(part.adds);
    if (part.adds < 0) bar.className = "down";
  }
}

function each(told, show) {
  if (schema.targets.length === 1) show(schema.targets[0].name, told);
  else for (const target of schema.targets) show(target.name, told[target.name]);
}

async function ask(event) {
  event.preventDefault();
  const turn = ++asked, cells = row();
  at("error").hidden = true;
  try {
    const told = await call("/predict", cells);
    if (turn !== asked) return;
    for (const id of ["said", "warnings", "parts"]) at(id).replaceChildren();
    each(told.predictions[0], showAnswer);
    at("answer").hidden = false;
    at("why").textContent = "asking what each column adds ...";
    const parts = await call("/explain", cells);
    if (turn !== asked) return;
    at("why").textContent = "What each column adds to what is said of a typical row:";
    each(parts, showParts);
  } catch (error) {
    at("why").textContent = "";
    failed(error);
  }
}

async function open(event) {
  if (event) event.preventDefault();
  token = at("token").value;
  at("error").hidden = true;
  try {
    schema = await call("/schema");
  } catch (error) {
    if (event || at("door").hidden) failed(error);
    return;
  }
  at("door").hidden = true;
  at("fields").replaceChildren();
  at("title").textContent = "Predict " + schema.targets.map((t) => t.name).join(", ");
  document.title = at("title").textContent;
  schema.columns.forEach(field);
  at("row").hidden = false;
}

at("row").addEventListener("submit", ask);
at("door").addEventListener("submit", open);
open();
