"""The same models by onnxruntime: exported, checked, cached and run without torch, also in 8 bits."""
