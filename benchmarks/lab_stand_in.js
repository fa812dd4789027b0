// A network in plain script, as a page computes it that has no engine beside it.
//
// The arithmetic is that of a page such as Playground: units and links are objects, an
// example goes forward and back, a batch's derivatives are summed on the links, and an
// epoch ends with the losses of all points. 2-8-8-1, tanh, squared error, batch 10.

const tanh = {f: (x) => Math.tanh(x), d: (x) => { const a = Math.tanh(x); return 1 - a * a; }};

function built(sizes) {
  const layers = sizes.map((n) => Array.from({length: n}, () => ({into: [], out: [], bias: 0.1, sum: 0, a: 0, da: 0, dz: 0, total: 0, count: 0})));
  for (let l = 1; l < layers.length; l++) for (const unit of layers[l]) for (const from of layers[l - 1]) {
    const link = {from, to: unit, w: Math.random() - 0.5, d: 0, total: 0, count: 0};
    from.out.push(link); unit.into.push(link);
  }
  return layers;
}

function forward(layers, x) {
  layers[0].forEach((unit, i) => { unit.a = x[i]; });
  for (let l = 1; l < layers.length; l++) for (const unit of layers[l]) {
    unit.sum = unit.bias;
    for (const link of unit.into) unit.sum += link.w * link.from.a;
    unit.a = tanh.f(unit.sum);
  }
  return layers[layers.length - 1][0].a;
}

function backward(layers, y) {
  const last = layers[layers.length - 1][0];
  last.da = last.a - y;
  for (let l = layers.length - 1; l > 0; l--) {
    for (const unit of layers[l]) {
      unit.dz = unit.da * tanh.d(unit.sum); unit.total += unit.dz; unit.count++;
      for (const link of unit.into) { link.d = unit.dz * link.from.a; link.total += link.d; link.count++; }
    }
    if (l > 1) for (const unit of layers[l - 1]) {
      unit.da = 0;
      for (const link of unit.out) unit.da += link.w * link.to.dz;
    }
  }
}

function update(layers, rate) {
  for (let l = 1; l < layers.length; l++) for (const unit of layers[l]) {
    if (unit.count) { unit.bias -= rate * unit.total / unit.count; unit.total = 0; unit.count = 0; }
    for (const link of unit.into) if (link.count) { link.w -= rate * link.total / link.count; link.total = 0; link.count = 0; }
  }
}

// Epochs a second on the spiral: 500 points, half of them held out.
function standIn(seconds) {
  const points = [];
  for (let i = 0; i < 250; i++) for (const turn of [0, Math.PI]) {
    const r = i / 250 * 5, t = 1.75 * i / 250 * 2 * Math.PI + turn;
    points.push([[r * Math.sin(t), r * Math.cos(t)], turn ? -1 : 1]);
  }
  const train = points.filter((_, i) => i % 4 < 2), test = points.filter((_, i) => i % 4 > 1);
  const layers = built([2, 8, 8, 1]);
  const loss = (part) => part.reduce((sum, [x, y]) => sum + 0.5 * (forward(layers, x) - y) ** 2, 0) / part.length;
  let epochs = 0, told = 0;
  const begin = performance.now();
  while (performance.now() - begin < 1000 * seconds) {
    train.forEach(([x, y], i) => {
      forward(layers, x);
      backward(layers, y);
      if ((i + 1) % 10 === 0) update(layers, 0.03);
    });
    told += loss(train) + loss(test);
    epochs++;
  }
  return epochs / (performance.now() - begin) * 1000 + 0 * told;
}
