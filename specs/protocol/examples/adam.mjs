// An Adam in JavaScript that speaks the process protocol: adam-conformance check 'process:node adam.mjs'
import { createInterface } from "node:readline";
import { read, written } from "./hexadecimal.mjs";

class Adam {
  constructor(parameters, { lr, beta1, beta2, eps }, rounded) {
    Object.assign(this, { parameters, lr, beta1, beta2, eps, rounded, t: 0 });
    [this.m, this.v] = [0, 0].map(() => parameters.map((p) => p.map(() => 0)));
  }

  step(gradients) {
    const { lr, beta1, beta2, eps, rounded, m, v, parameters } = this;
    const [correct1, correct2] = [1 - beta1 ** ++this.t, 1 - beta2 ** this.t];
    parameters.forEach((p, a) => gradients[a].forEach((g, i) => {
      m[a][i] = rounded(beta1 * m[a][i] + (1 - beta1) * g);
      v[a][i] = rounded(beta2 * v[a][i] + (1 - beta2) * g * g);
      p[i] = rounded(p[i] - lr * (m[a][i] / correct1) / (Math.sqrt(v[a][i] / correct2) + eps));
    }));
  }
}

const numbers = (arrays) => arrays.map((array) => array.map(read));
const hexadecimal = (arrays) => arrays.map((array) => array.map(written));
const CLAIMS = { dtypes: ["float32", "float64"], state: true, counter: true, lr_schedule: true, fast_forward: true };
const sessions = [];

function answer({ command, session, dtype, parameters, hyperparameters, gradients, lr, steps }) {
  let adam = sessions[session];
  if (command === "start") {
    const hyper = Object.fromEntries(Object.entries(hyperparameters[0]).map(([k, v]) => [k, v.at ? read(v) : v]));
    adam = sessions[session] = new Adam(numbers(parameters), hyper, dtype === "float32" ? Math.fround : Number);
  } else if (command === "step") adam.step(numbers(gradients));
  else if (command === "set_lr") adam.lr = read(lr);
  else if (command === "fast_forward") adam.t = steps;
  else if (command === "state") {
    const [m, v] = [hexadecimal(adam.m), hexadecimal(adam.v)];
    return { state: m.map((_, a) => ({ m: m[a], v: v[a], step: adam.t })) };
  } else if (command === "hello") {
    return { protocol: "adam-conformance/process/1", name: "plain JavaScript", version: "1", capabilities: CLAIMS };
  } else if (command !== "stop") return { error: { kind: "unknown-command", message: command } };
  return command === "start" || command === "step" ? { parameters: hexadecimal(adam.parameters) } : {};
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify({ number: request.number, ...answer(request) }) + "\n");
  if (request.command === "stop") process.exit(0);
});
