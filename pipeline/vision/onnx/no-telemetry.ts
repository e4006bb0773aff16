// Switches off the telemetry of onnxruntime 1.30, which would send usage events to its maker. Must be imported before the runtime.
// https://github.com/microsoft/onnxruntime/pull/27379
// biome-ignore lint/style/noProcessEnv: the native library reads it; it is not one of our settings.
process.env.ORT_DISABLE_TELEMETRY = '1';
