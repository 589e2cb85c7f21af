// tf.train.adam of TensorFlow.js behind the process protocol.  In a folder where npm install @tensorflow/tfjs was run:
// adam-conformance check 'process:node PATH/tfjs.mjs' --dtype float32
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { read, written } from "./hexadecimal.mjs";

const need = createRequire(`${process.cwd()}/`);
const tf = need("@tensorflow/tfjs");
await tf.setBackend("cpu");
const CLAIMS = { dtypes: ["float32"], state: true, counter: true, lr_schedule: true };
const sessions = [];
let named = 0;

const hexadecimal = (tensors) => tensors.map((tensor) => Array.from(tensor.dataSync(), written));

function start({ shapes, parameters, hyperparameters: [h] }) {
  const optimizer = tf.train.adam(...[h.lr, h.beta1, h.beta2, h.eps].map(read));
  const tensors = parameters.map((p, a) => tf.tensor(p.map(read), shapes[a], "float32"));
  return { shapes, optimizer, variables: tensors.map((tensor) => tf.variable(tensor, true, `p${named++}`)) };
}

function step({ shapes, optimizer, variables }, gradients) {
  const tensors = gradients.map((g, a) => tf.tensor(g.map(read), shapes[a], "float32"));
  optimizer.applyGradients(variables.map(({ name }, a) => ({ name, tensor: tensors[a] })));
  tf.dispose(tensors);
}

function state({ optimizer }) {
  const [m, v] = [optimizer.accumulatedFirstMoment, optimizer.accumulatedSecondMoment].map((moments) =>
    hexadecimal(moments.map(({ variable }) => variable)));
  return { state: m.map((_, a) => ({ m: m[a], v: v[a], step: optimizer.iterations })) };
}

function answer(request) {
  const { command, session } = request;
  if (command === "hello") {
    const { version } = need("@tensorflow/tfjs/package.json");
    return { protocol: "adam-conformance/process/1", name: "@tensorflow/tfjs", version, capabilities: CLAIMS };
  }
  if (command === "start") sessions[session] = start(request);
  else if (command === "step") step(sessions[session], request.gradients);
  else if (command === "set_lr") sessions[session].optimizer.learningRate = read(request.lr);
  else if (command === "state") return state(sessions[session]);
  else if (command !== "stop") return { error: { kind: "unknown-command", message: command } };
  return command === "start" || command === "step" ? { parameters: hexadecimal(sessions[session].variables) } : {};
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify({ number: request.number, ...answer(request) }) + "\n");
  if (request.command === "stop") process.exit(0);
});
