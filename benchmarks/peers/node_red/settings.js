// Node-RED's settings for the comparison: no editor, nothing but the flow. What is not named here is as it comes.
module.exports = {
  flowFile: "flows.json",
  uiHost: "127.0.0.1",
  uiPort: Number(process.env.BENCH_PORT),
  httpAdminRoot: false,
  httpNodeRoot: false,
  credentialSecret: false,
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "warn", metrics: false, audit: false } },
};
