// TensorFlow.js's side of the bench, on its WebAssembly backend: a child process that trains a task and answers requests.

import * as tf from "@tensorflow/tfjs";
import { getThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { batchStart, isFrozen, pick, readTensors, serve } from "./serve.mjs";

// Progress and advice go to the error output: the standard one is the line of replies.
for (const level of ["log", "info", "warn"]) console[level] = (...words) => console.error(...words);

const dense = (w, name, x) => x.matMul(w[`${name}.weight`], false, true).add(w[`${name}.bias`]);

/** Over the last axis, on [rows, in]. */
const linear = (w, name, x) => x.matMul(w[`${name}.weight`]).add(w[`${name}.bias`]);

function layerNorm(w, name, x) {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(w[`${name}.weight`]).add(w[`${name}.bias`]);
}

const gelu = (x) => x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));

const models = {
  mlp: (w, x, { layers }) => {
    for (let i = 1; i < layers; i++) x = dense(w, `fc${i}`, x).relu();
    return dense(w, `fc${layers}`, x);
  },
  // TensorFlow.js has no pooling or convolution with the channels first on this backend.
  cnn: (w, x) => {
    const conv = (name, value) => tf.conv2d(value, w[`${name}.weight`].transpose([2, 3, 1, 0]), 1, "same").add(w[`${name}.bias`]);
    const pooled = (value) => tf.maxPool(value.relu(), 2, 2, "valid");
    const features = pooled(conv("conv2", pooled(conv("conv1", x.transpose([0, 2, 3, 1])))));
    const flat = features.transpose([0, 3, 1, 2]).reshape([x.shape[0], -1]);
    return dense(w, "fc2", dense(w, "fc1", flat).relu());
  },
  transformer: (w, tokens, { layers, width, heads }) => {
    const [batch, length] = tokens.shape;
    const size = width / heads;
    let x = tf.gather(w["embedding.weight"], tokens.flatten()).reshape([batch, length, width]).add(w.position).reshape([-1, width]);
    for (let i = 0; i < layers; i++) {
      const name = `layers.${i}`;
      const parts = linear(w, `${name}.qkv`, layerNorm(w, `${name}.norm1`, x)).split(3, 1);
      const [q, k, v] = parts.map((part) => part.reshape([batch, length, heads, size]).transpose([0, 2, 1, 3]));
      const scores = q
        .matMul(k, false, true)
        .mul(1 / Math.sqrt(size))
        .softmax();
      const mixed = scores.matMul(v).transpose([0, 2, 1, 3]).reshape([-1, width]);
      x = x.add(linear(w, `${name}.out`, mixed));
      x = x.add(linear(w, `${name}.down`, gelu(linear(w, `${name}.up`, layerNorm(w, `${name}.norm2`, x)))));
    }
    return dense(w, "head", layerNorm(w, "norm", x).reshape([batch, length, width]).mean(1));
  },
};

async function prepare(task) {
  await tf.setBackend("wasm");
  await tf.ready();
  const model = models[task.kind];
  if (model === undefined) throw new Error("this peer reads no ONNX files");
  const tensors = readTensors(task.tensors);
  const [samples, labels] = [tensors.get("samples"), tensors.get("labels")];
  const weights = {};
  for (const [name, { shape, data }] of tensors)
    if (data instanceof Float32Array && name !== "samples") weights[name] = tf.variable(tf.tensor(data, shape), !isFrozen(name, task.freeze), name);
  const trained = Object.values(weights).filter((weight) => weight.trainable);
  const { type, learningRate, betas, epsilon, weightDecay } = task.optimizer;
  const optimizer = tf.train.adam(learningRate, ...betas, epsilon);
  const count = samples.shape[0];
  const train = async (step) => {
    const from = batchStart(task, step, count);
    const cost = tf.tidy(() => {
      const { shape, data } = pick(samples, from, task.batchSize);
      const x = tf.tensor(data, shape, data instanceof Int32Array ? "int32" : "float32");
      const chosen = tf.tensor1d(pick(labels, from, task.batchSize).data, "int32");
      const { value, grads } = tf.variableGrads(() => {
        const logits = model(weights, x, task.sizes);
        return tf.losses.softmaxCrossEntropy(tf.oneHot(chosen, logits.shape[1]), logits);
      }, trained);
      if (type === "adamw") for (const weight of trained) weight.assign(weight.mul(1 - learningRate * weightDecay));
      optimizer.applyGradients(grads);
      return value;
    });
    const [loss] = await cost.data();
    cost.dispose();
    return loss;
  };
  const threads = tf.getBackend() === "wasm" ? getThreadsCount() : 1;
  return { description: `TensorFlow.js ${tf.version.tfjs} ${tf.getBackend()}, ${threads} thread${threads === 1 ? "" : "s"}`, train };
}

await serve(prepare);
