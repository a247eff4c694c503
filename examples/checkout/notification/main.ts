// The notification service: takes placed orders from the queue, and confirms each by mail. Koa serves its health.
import { createServer } from "node:http";
import Koa from "koa";
import { createTransport } from "nodemailer";
import { createExperiments } from "otel-experiments";
import { shopExperiments } from "../experiments.ts";
import { required, serve } from "../service.ts";
import { Confirmations } from "./confirmations.ts";
import { Queue } from "./queue.ts";
import { shutdownTelemetry } from "./telemetry.ts";

const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
});
const transport = createTransport({
  url: required("SMTP_URL"),
  pool: true,
  connectionTimeout: 2_000,
  greetingTimeout: 2_000,
  socketTimeout: 5_000,
});
const confirmations = new Confirmations(experiments, transport);
const queue = new Queue(required("DATABASE_URL"), (message) => confirmations.send(message));
queue.start();

const app = new Koa();
app.use((ctx) => {
  if (ctx.path === "/healthz") ctx.status = 204;
});

const handle = app.callback();
await serve(
  createServer((request, response) => void handle(request, response)),
  () => queue.stop(),
  () => transport.close(),
  () => experiments.close(),
  shutdownTelemetry,
);
