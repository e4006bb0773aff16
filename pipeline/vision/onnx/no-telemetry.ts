// Nothing leaves this machine: onnxruntime 1.30 sends usage events to its maker unless this is set before it is loaded.
// https://github.com/microsoft/onnxruntime/pull/27379
// biome-ignore lint/style/noProcessEnv: the native library reads it; it is no setting of ours.
process.env.ORT_DISABLE_TELEMETRY = '1';
