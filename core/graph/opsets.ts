// Which opsets of ai.onnx the engine reads and speaks.

/** The oldest opset of ai.onnx that can be imported. */
export const oldestOpset = 7;
/** The newest opset of ai.onnx that can be imported. */
export const newestOpset = 23;
