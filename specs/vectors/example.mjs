// Runs test vectors through an Adam in JavaScript: put yours in the place of `adam`.  node example.mjs FILE.json ...
import { readFileSync } from "node:fs";
function adam(s, g, h, round) {
  s.t += 1;
  g = (h.maximize ? -g : g) + h.weight_decay * s.theta;
  s.m = round(h.beta1 * s.m + (1 - h.beta1) * g);
  s.v = round(h.beta2 * s.v + (1 - h.beta2) * g * g);
  s.v_max = Math.max(s.v_max, s.v);
  const m_hat = s.m / (1 - h.beta1 ** s.t), v_hat = (h.amsgrad ? s.v_max : s.v) / (1 - h.beta2 ** s.t);
  if (s.m !== 0) s.theta = round(s.theta - h.lr * m_hat / (Math.sqrt(v_hat) + h.eps));
}
function number(key, text) { // hexadecimal, "0", "inf" or "-inf"; what is none of these stays what it is
  const hex = /^(-?)0x([01])\.?([0-9a-f]*)p(.*)$/.exec(text), other = { 0: 0, inf: Infinity, "-inf": -Infinity };
  if (!hex) return typeof text === "string" && text in other ? other[text] : text;
  return (hex[1] ? -1 : 1) * parseInt(hex[2] + hex[3], 16) * 2 ** (hex[4] - 4 * hex[3].length);
}
let inside = 0, promised = 0;
for (const path of process.argv.slice(2)) {
  const file = JSON.parse(readFileSync(path), number), round = { float64: (x) => x, float32: Math.fround }[file.format];
  if (file.dialect === "adam" && round) promised += file.values; else continue; // not for this Adam
  for (const h of file.tensors) for (const v of h.vectors) v.gradients.reduce((s, g, i) => {
    if (g !== null) adam(s, g, { ...h, lr: h.lr[Math.min(i, h.lr.length - 1)] }, round);
    for (const [name, x] of Object.entries(s)) { // a row is [LO, lo, hi, HI], or null: undecided, and not counted
      const row = v[name]?.[h.compared.indexOf(i + 1)];
      if (row) row[1] <= x && x <= row[2] ? inside++ : console.log(path, "vector", v.id, name, i + 1, x, ...row);
    }
    return s;
  }, { t: 0, theta: v.theta0, m: 0, v: 0, v_max: 0 });
}
console.log(`${inside} of ${promised} values inside`), process.exit(inside && inside === promised ? 0 : 1);
