// A shop that has no line of code for OpenTelemetry's set-up: it serves, assigns, traces, counts, logs and calls out.
// Its modules come from whoever starts it, an ES module or a CommonJS one.

/** Listens on a free port, and tells the process that started it. It ends when that one says so. */
exports.openShop = function openShop({
  express,
  pino,
  http,
  api,
  createExperiments,
  expressExperiments,
  experimentFetch,
}) {
  const { metrics, propagation, context, trace } = api;
  const logger = pino({ base: undefined });
  const experiments = createExperiments({
    experiments: {
      checkout: { id: "checkout_1", variants: ["control", "express"] },
      search: { id: "search_1", variants: ["control", "semantic"] },
    },
    primary: "checkout",
    trustInbound: true,
    propagateTo: [process.env.DOWNSTREAM_ALLOWED],
  });
  const send = experimentFetch(experiments);

  const app = express();
  app.use(expressExperiments(experiments));

  app.get("/order", async (request, response) => {
    const tracer = trace.getTracer("shop");
    const early = tracer.startSpan("early");
    if (request.query.assign) experiments.record("checkout", request.query.assign);
    if (request.query.search) experiments.record("search", request.query.search);
    early.end();
    await tracer.startActiveSpan("active", async (span) => {
      span.setAttribute("user", "attribute");
      await new Promise((resolve) => setImmediate(resolve));
      span.end();
    });
    tracer.startSpan("tagged", { attributes: { "experiment.variant": "of the user" } }).end();
    logger.info("an order");
    const meter = metrics.getMeter("shop");
    meter.createCounter("orders.placed").add(1, { currency: "EUR" });
    meter.createHistogram("cart.value").record(12);
    const headers = { baggage: "caller=1" };
    for (const url of [process.env.DOWNSTREAM_ALLOWED, process.env.DOWNSTREAM_REFUSED]) {
      await (await fetch(`${url}/fetch`, { headers })).text();
      await (await send(`${url}/wrapped`, { headers })).text();
      await new Promise((resolve, reject) => {
        http.get(`${url}/http`, { headers }, (answer) => answer.resume().on("end", resolve)).on("error", reject);
      });
    }
    // As an instrumentation of a queue does: the carrier's destination is not known.
    const carrier = { baggage: "carrier=1" };
    propagation.inject(context.active(), carrier);
    response.json({ carrier, variant: experiments.variant("checkout") ?? null });
  });

  const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
  process.once("message", () => {
    server.close();
    server.closeAllConnections();
    experiments.close().then(() => process.disconnect());
  });
};
