// Pictures: from the numbers of a frame to canvases and lines.

export const POSITIVE = [0, 114, 178], NEGATIVE = [213, 94, 0];
// Okabe and Ito's colours, told apart by everyone; marks say the same once more.
export const CLASSES = [[213, 94, 0], [0, 114, 178], [0, 158, 115], [204, 121, 167], [230, 159, 0],
  [86, 180, 233], [148, 103, 189], [140, 140, 140], [120, 94, 40], [60, 60, 150]];

export const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const paper = () => dark() ? [30, 31, 36] : [250, 250, 252];

export function bytes(text) {
  const raw = atob(text), found = new Int8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i) << 24 >> 24;
  return found;
}

const mixed = (to, share, from) => from.map((c, i) => c + (to[i] - c) * share);

// The colour of a value from -1 to 1.
export const colour = (v) => mixed(v < 0 ? NEGATIVE : POSITIVE, Math.min(1, Math.abs(v)) * .85, paper());

// The colours of all int8 values, as pixels: made once for each look of the page.
const tables = new Map();

function table(name, make) {
  const key = name + dark();
  if (!tables.has(key)) {
    const made = new Uint32Array(256), part = new Uint8Array(4);
    for (let v = -128; v < 128; v++) {
      part.set([...make(v / 127).map(Math.round), 255]);
      made[v + 128] = new Uint32Array(part.buffer)[0];
    }
    tables.set(key, made);
  }
  return tables.get(key);
}

const shades = () => table("shades", colour);
const sides = () => table("sides", (v) => colour(v < 0 ? -1 : 1));
const kinds = (k, discrete) => table(`kind ${k} ${discrete}`, (v) => mixed(CLASSES[k % 10], discrete ? .85 : Math.max(.1, (v + 1) / 2 * .85), paper()));

export const css = (c) => `rgb(${c.map(Math.round).join(",")})`;

// An image of pixels: `at` gives the one at each place.
function image(width, height, at) {
  const made = new ImageData(width, height), pixels = new Uint32Array(made.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = at(i);
  return made;
}

// One picture of a stack {h, w, n, data}.
export function unit(canvas, stack, number, decoded) {
  const {h, w} = stack, size = h * w;
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const from = number * size, tones = shades();
  canvas.getContext("2d").putImageData(image(w, h, (i) => tones[decoded[from + i] + 128]), 0, 0);
}

// Values along a line.
export function strip(canvas, values) {
  const top = Math.max(...values.map(Math.abs), 1e-9), tones = shades();
  canvas.width = values.length; canvas.height = 1;
  canvas.getContext("2d").putImageData(image(values.length, 1, (i) => tones[Math.round(values[i] / top * 127) + 128]), 0, 0);
}

export function plain(canvas, data, side) {
  canvas.width = canvas.height = side;
  const decoded = bytes(data), tones = shades();
  canvas.getContext("2d").putImageData(image(side, side, (i) => tones[decoded[i] + 128]), 0, 0);
}

let small = null;

// The answer over a plane, smooth; of several classes the likeliest one's colour.
function plane(canvas, pictures, problem, discrete) {
  const side = pictures.side, maps = pictures.output.map((one) => bytes(one.data));
  small = small || document.createElement("canvas");
  small.width = small.height = side;
  const tones = maps.length > 1 ? maps.map((_, k) => kinds(k, discrete)) : discrete && problem !== "regression" ? sides() : shades();
  small.getContext("2d").putImageData(image(side, side, (i) => {
    if (maps.length === 1) return tones[maps[0][i] + 128];
    let best = 0;
    for (let k = 1; k < maps.length; k++) if (maps[k][i] > maps[best][i]) best = k;
    return tones[best][maps[best][i] + 128];
  }), 0, 0);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = !discrete;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function mark(pen, x, y, kind, size) {
  pen.beginPath();
  if (kind % 4 === 1) pen.arc(x, y, size, 0, 7);
  else if (kind % 4 === 0) pen.rect(x - size * .85, y - size * .85, size * 1.7, size * 1.7);
  else if (kind % 4 === 2) { pen.moveTo(x, y - size * 1.2); pen.lineTo(x + size * 1.1, y + size); pen.lineTo(x - size * 1.1, y + size); pen.closePath(); }
  else { pen.moveTo(x, y - size * 1.3); pen.lineTo(x + size * 1.2, y); pen.lineTo(x, y + size * 1.3); pen.lineTo(x - size * 1.2, y); pen.closePath(); }
  pen.fill(); pen.stroke();
}

export function place(canvas, data, i) {
  const [low, high] = data.extent, to = (v) => (v - low) / (high - low);
  return [to(data.x[2 * i]) * canvas.width, (1 - to(data.x[2 * i + 1])) * canvas.height];
}

export function map(canvas, frame, data, view) {
  const pictures = frame.pictures, pen = canvas.getContext("2d");
  if (pictures.kind === "example") return example(canvas, pictures, data);
  if (pictures.kind === "line") return line(canvas, pictures, data, frame, view);
  plane(canvas, pictures, data.problem, view.discretise);
  pen.drawImage(points(canvas, data, view), 0, 0);
  ring(pen, canvas, data, frame.example);
}

// The points, drawn once for each data set and look.
let layer = null, drawnOf = null;

function points(canvas, data, view) {
  const key = [view.test, dark(), canvas.width].join();
  if (layer && drawnOf.data === data && drawnOf.key === key) return layer;
  drawnOf = {data, key};
  layer = document.createElement("canvas");
  layer.width = canvas.width; layer.height = canvas.height;
  const pen = layer.getContext("2d"), train = data.y.length - data.held, n = view.test ? data.y.length : train;
  const spread = data.problem === "regression" ? Math.max(...data.y.map(Math.abs), 1e-9) : 1;
  for (let i = 0; i < n; i++) {
    const [x, y] = place(canvas, data, i), held = i >= train, k = data.y[i];
    pen.fillStyle = css(data.problem === "regression" ? colour(k / spread) : CLASSES[k % 10]);
    pen.strokeStyle = held ? (dark() ? "#fff" : "#000") : (dark() ? "#111" : "#fff");
    mark(pen, x, y, data.problem === "regression" ? 1 : k, (held ? 3 : 3.4) * (n < 20 ? 2 : 1));
  }
  return layer;
}

function ring(pen, canvas, data, number) {
  const i = data.numbers.indexOf(number);
  if (i < 0) return;
  const [x, y] = place(canvas, data, i);
  pen.beginPath(); pen.arc(x, y, data.y.length < 20 ? 13 : 8, 0, 7); pen.lineWidth = 2.5; pen.strokeStyle = dark() ? "#fff" : "#000"; pen.stroke();
}

function line(canvas, pictures, data, frame, view) {
  const pen = canvas.getContext("2d"), {width, height} = canvas, [low, high] = data.extent;
  const values = data.y.concat(pictures.output[0].filter((v) => v !== null));
  const least = Math.min(...values), most = Math.max(...values), room = (most - least || 1) * .1;
  const across = (v) => (v - low) / (high - low) * width, up = (v) => height - (v - least + room) / (most - least + 2 * room) * height;
  pen.fillStyle = css(paper()); pen.fillRect(0, 0, width, height);
  const train = data.y.length - data.held, n = view.test ? data.y.length : train;
  for (let i = 0; i < n; i++) {
    pen.fillStyle = css(i >= train ? CLASSES[0] : CLASSES[5]); pen.strokeStyle = "transparent";
    mark(pen, across(data.x[2 * i]), up(data.y[i]), i >= train ? 2 : 1, 2.6);
    if (data.numbers[i] === frame.example) { pen.beginPath(); pen.arc(across(data.x[2 * i]), up(data.y[i]), 7, 0, 7); pen.strokeStyle = dark() ? "#fff" : "#000"; pen.stroke(); }
  }
  pen.beginPath(); pen.lineWidth = 3; pen.strokeStyle = dark() ? "#fff" : "#000";
  pictures.x.forEach((x, i) => pen[i ? "lineTo" : "moveTo"](across(x), up(pictures.output[0][i])));
  pen.stroke();
}

function example(canvas, pictures, data) {
  const pen = canvas.getContext("2d"), {width, height} = canvas, stack = pictures.inputs;
  pen.fillStyle = css(paper()); pen.fillRect(0, 0, width, height);
  small = small || document.createElement("canvas");
  unit(small, stack, 0, bytes(stack.data));
  pen.imageSmoothingEnabled = false;
  const half = height * .48;
  pen.drawImage(small, (width - half) / 2, 4, half, half);
  const values = pictures.output[0], wide = width / values.length, base = height - 20, best = values.indexOf(Math.max(...values));
  values.forEach((v, k) => {
    pen.fillStyle = css(k === best ? POSITIVE : [140, 140, 140]);
    pen.fillRect(k * wide + 2, base - v * (half * .85), wide - 4, v * (half * .85));
    pen.fillStyle = dark() ? "#fff" : "#111"; pen.textAlign = "center"; pen.font = "12px sans-serif";
    pen.fillText(data.classes[k] || String(k), k * wide + wide / 2, height - 5);
  });
}

const DASHES = [[], [6, 3], [2, 2], [8, 2, 2, 2]];
const TONES = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167]];
export const style = (i) => [css(dark() ? mixed([255, 255, 255], .25, TONES[i % 4]) : TONES[i % 4]), DASHES[i % 4]];

// Lines over epochs: {name: values}, the same dashes and colours as in their key.
export function curves(canvas, epochs, lines, logarithmic) {
  const pen = canvas.getContext("2d"), {width, height} = canvas, left = 34, low = 14;
  pen.clearRect(0, 0, width, height);
  const all = lines.flatMap(([, values]) => values).filter((v) => v !== null && (!logarithmic || v > 0));
  if (!all.length) return;
  const scale = logarithmic ? Math.log10 : (v) => v;
  let least = Math.min(...all.map(scale)), most = Math.max(...all.map(scale));
  if (!logarithmic) least = Math.min(least, 0);
  if (most - least < 1e-9) most = least + 1;
  const first = epochs[0], last = epochs[epochs.length - 1];
  const across = (e) => left + (last > first ? (e - first) / (last - first) : .5) * (width - left - 6);
  const up = (v) => height - low - (scale(v) - least) / (most - least) * (height - low - 8);
  pen.fillStyle = dark() ? "#b4b6c0" : "#55555f"; pen.font = "10px sans-serif";
  const back = (v) => Number((logarithmic ? 10 ** v : v).toPrecision(2));
  pen.textAlign = "right"; pen.fillText(back(most), left - 4, 13); pen.fillText(back(least), left - 4, height - low);
  pen.textAlign = "left"; pen.fillText(first, left, height - 2); pen.textAlign = "right"; pen.fillText(last, width - 6, height - 2);
  pen.strokeStyle = dark() ? "#4b4e58" : "#c9ccd3"; pen.setLineDash([]); pen.lineWidth = 1; pen.strokeRect(left, 6, width - left - 6, height - low - 6);
  lines.forEach(([, values], i) => {
    [pen.strokeStyle] = style(i); pen.setLineDash(style(i)[1]); pen.lineWidth = 2; pen.beginPath();
    let down = false;
    values.forEach((v, j) => {
      if (v === null || (logarithmic && v <= 0)) { down = false; return; }
      pen[down ? "lineTo" : "moveTo"](across(epochs[j]), up(v)); down = true;
    });
    pen.stroke();
  });
  pen.setLineDash([]);
}

export function valley(canvas, found) {
  plain(small = small || document.createElement("canvas"), found.data, found.side);
  const pen = canvas.getContext("2d"), {width, height} = canvas;
  pen.imageSmoothingEnabled = true; pen.drawImage(small, 0, 0, width, height);
  const to = ([w, b]) => [(w / found.reach + 1) / 2 * width, (1 - b / found.reach) / 2 * height];
  pen.beginPath(); pen.lineWidth = 2; pen.strokeStyle = dark() ? "#fff" : "#000";
  found.path.forEach((p, i) => pen[i ? "lineTo" : "moveTo"](...to(p)));
  pen.stroke();
  found.path.forEach((p) => { pen.beginPath(); pen.arc(...to(p), 2, 0, 7); pen.fillStyle = pen.strokeStyle; pen.fill(); });
  pen.beginPath(); pen.arc(...to(found.path[found.path.length - 1]), 5, 0, 7); pen.fill();
}
