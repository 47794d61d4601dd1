// jax-js's side of the bench, on its WebAssembly backend: a child process that trains a task and answers requests.
// Every function takes ownership of its arrays; `.ref` keeps one for another use.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { batchStart, isFrozen, pick, readTensors, serve } from "./serve.mjs";

const dense = (w, name, x) => np.matmul(x, w[`${name}.weight`].ref.transpose()).add(w[`${name}.bias`].ref);
const linear = (w, name, x) => np.matmul(x, w[`${name}.weight`].ref).add(w[`${name}.bias`].ref);
const layerNorm = (w, name, x) => nn.standardize(x, -1).mul(w[`${name}.weight`].ref).add(w[`${name}.bias`].ref);

const models = {
  mlp: (w, x, { layers }) => {
    for (let i = 1; i < layers; i++) x = nn.relu(dense(w, `fc${i}`, x));
    return dense(w, `fc${layers}`, x);
  },
  cnn: (w, x) => {
    const conv = (name, value) => lax.conv(value, w[`${name}.weight`].ref, [1, 1], "SAME").add(w[`${name}.bias`].ref.reshape([-1, 1, 1]));
    const pooled = (value) => lax.reduceWindow(nn.relu(value), np.max, [2, 2], [2, 2]);
    const features = pooled(conv("conv2", pooled(conv("conv1", x))));
    return dense(w, "fc2", nn.relu(dense(w, "fc1", features.reshape([features.shape[0], -1]))));
  },
  transformer: (w, tokens, { layers, width, heads }) => {
    const [batch, length] = tokens.shape;
    const size = width / heads;
    let x = np.take(w["embedding.weight"].ref, tokens, 0).add(w.position.ref);
    for (let i = 0; i < layers; i++) {
      const name = `layers.${i}`;
      const parts = np.split(linear(w, `${name}.qkv`, layerNorm(w, `${name}.norm1`, x.ref)), 3, -1);
      const [q, k, v] = parts.map((part) => part.reshape([batch, length, heads, size]).transpose([0, 2, 1, 3]));
      const scores = nn.softmax(np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(size)), -1);
      const mixed = np.matmul(scores, v).transpose([0, 2, 1, 3]).reshape([batch, length, width]);
      x = x.add(linear(w, `${name}.out`, mixed));
      const up = nn.gelu(linear(w, `${name}.up`, layerNorm(w, `${name}.norm2`, x.ref)), { approximate: false });
      x = x.add(linear(w, `${name}.down`, up));
    }
    return dense(w, "head", np.mean(layerNorm(w, "norm", x), 1));
  },
};

/** Shares that the inner functions leave: each array of a tree that was only used by reference. */
const release = (tree) => Object.values(tree).forEach((array) => array.dispose());

async function prepare(task) {
  await init("wasm");
  defaultDevice("wasm");
  const model = models[task.kind];
  if (model === undefined) throw new Error("this peer reads no ONNX files");
  const tensors = readTensors(task.tensors);
  const [samples, labels] = [tensors.get("samples"), tensors.get("labels")];
  const arrayOf = ({ shape, data }) => np.array(data).reshape([...shape]);
  const [frozen, state] = [{}, { weights: {}, mean: {}, square: {} }];
  for (const [name, tensor] of tensors) {
    if (name === "samples" || name === "labels" || !(tensor.data instanceof Float32Array)) continue;
    if (isFrozen(name, task.freeze)) frozen[name] = arrayOf(tensor);
    else {
      state.weights[name] = arrayOf(tensor);
      state.mean[name] = np.zeros([...tensor.shape]);
      state.square[name] = np.zeros([...tensor.shape]);
    }
  }
  const lossOf = (weights, fixed, x, chosen) => {
    const all = { ...fixed, ...weights };
    const logits = model(all, x, task.sizes);
    release(all);
    const [batch, classes] = logits.shape;
    return nn
      .logSoftmax(logits, -1)
      .mul(nn.oneHot(chosen, classes))
      .sum()
      .mul(-1 / batch);
  };
  const { type, learningRate, betas, epsilon, weightDecay } = task.optimizer;
  const [beta1, beta2] = betas;
  const shrink = type === "adamw" ? 1 - learningRate * weightDecay : 1;
  const update = jit((weights, mean, square, fixed, x, chosen, rate, correction) => {
    const refs = Object.fromEntries(Object.entries(weights).map(([name, array]) => [name, array.ref]));
    const [loss, gradients] = valueAndGrad(lossOf)(refs, fixed, x, chosen);
    const next = { weights: {}, mean: {}, square: {} };
    for (const [name, gradient] of Object.entries(gradients)) {
      const m = mean[name].mul(beta1).add(gradient.ref.mul(1 - beta1));
      const v = square[name].mul(beta2).add(np.square(gradient).mul(1 - beta2));
      const step = m.ref.mul(rate.ref).div(np.sqrt(v.ref).mul(correction.ref).add(epsilon));
      next.weights[name] = weights[name].mul(shrink).sub(step);
      Object.assign(next.mean, { [name]: m });
      Object.assign(next.square, { [name]: v });
    }
    rate.dispose();
    correction.dispose();
    return [loss, next.weights, next.mean, next.square];
  });
  const train = async (step) => {
    const from = batchStart(task, step, samples.shape[0]);
    const [x, chosen] = [arrayOf(pick(samples, from, task.batchSize)), arrayOf(pick(labels, from, task.batchSize))];
    const fixed = Object.fromEntries(Object.entries(frozen).map(([name, array]) => [name, array.ref]));
    const rate = np.array(learningRate / (1 - beta1 ** (step + 1)));
    const correction = np.array(1 / Math.sqrt(1 - beta2 ** (step + 1)));
    const [loss, weights, mean, square] = update(state.weights, state.mean, state.square, fixed, x, chosen, rate, correction);
    Object.assign(state, { weights, mean, square });
    await blockUntilReady([weights, mean, square]);
    return (await loss.data())[0];
  };
  return { description: `jax-js ${version()} wasm`, train };
}

function version() {
  const entry = createRequire(import.meta.url).resolve("@jax-js/jax");
  return JSON.parse(readFileSync(new URL("../package.json", `file://${entry}`), "utf8")).version;
}

await serve(prepare);
