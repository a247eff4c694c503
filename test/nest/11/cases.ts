import "reflect-metadata";
import type { Server } from "node:http";
import type * as Common from "@nestjs/common";
import type { CallHandler, ExecutionContext, Type } from "@nestjs/common";
import type * as Core from "@nestjs/core";
import type * as OnExpress from "@nestjs/platform-express";
import type * as OnFastify from "@nestjs/platform-fastify";
import { createExperiments, type Experiments } from "otel-experiments";
import type { InboundOptions } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { map } from "rxjs";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { REDESIGN } from "../../support/experiments.ts";
import { experimentAttributes, isServerSpan, type Tracing } from "../../support/tracing.ts";

/** The packages of one version of NestJS, by the types of the older one. */
export interface Nest {
  readonly common: typeof Common;
  readonly core: typeof Core;
  readonly onExpress: typeof OnExpress;
  readonly onFastify: typeof OnFastify;
}

type Shop = Experiments<typeof REDESIGN>;

interface Served {
  readonly port: number;
  close(): Promise<void>;
}

/** One of Nest's platforms, set up as docs/frameworks.md shows. */
interface Platform {
  readonly name: string;
  serve(nest: Nest, root: Type, experiments: Shop, options: InboundOptions<object>): Promise<Served>;
}

const platforms: readonly Platform[] = [
  {
    name: "platform-express",
    async serve({ core, onExpress }, root, experiments, options) {
      const app = await core.NestFactory.create(root, new onExpress.ExpressAdapter(), { logger: false });
      app.use(expressExperiments(experiments, options));
      await app.listen(0, "127.0.0.1");
      return served(app);
    },
  },
  {
    name: "platform-fastify",
    async serve({ core, onFastify }, root, experiments, options) {
      const adapter = new onFastify.FastifyAdapter({ forceCloseConnections: true });
      const app = await core.NestFactory.create<OnFastify.NestFastifyApplication>(root, adapter, { logger: false });
      // why: Nest brings its own copy of Fastify, whose types the plugins of other tests do not extend
      const plugin = fastifyExperiments as unknown as Parameters<typeof app.register>[0];
      await app.register(plugin, { experiments, ...options });
      await app.listen(0, "127.0.0.1");
      return served(app);
    },
  },
];

function served(app: Common.INestApplication<Server>): Served {
  const server = app.getHttpServer();
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as { port: number };
  return {
    port,
    async close() {
      server.closeAllConnections();
      await app.close();
    },
  };
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An app that answers with the variant that each of its parts sees. Decorators are functions, and called as such. */
function shopModule({ common, core }: Nest, experiments: Shop): Type {
  const seen = (): string => experiments.variant("checkout") ?? "none";

  class Prices {
    async variant(): Promise<string> {
      await wait(1);
      return seen();
    }
  }

  class Cart {
    readonly #prices: Prices;
    readonly #ofRequest: string;

    constructor(prices: Prices, ofRequest: string) {
      this.#prices = prices;
      this.#ofRequest = ofRequest;
    }

    async show(request: { readonly url: string; readonly guarded?: string }, item: string): Promise<object> {
      const controller = seen();
      await wait(Number(item) % 7);
      experiments.record("search", Number(item) % 2 === 0 ? "bm25" : "semantic");
      return {
        guard: request.guarded,
        controller,
        later: seen(),
        provider: await this.#prices.variant(),
        requestProvider: this.#ofRequest,
        of: experiments.of(request).variant("checkout") ?? "none",
      };
    }

    fail(): never {
      throw new RangeError("out of stock");
    }
  }

  class Guard {
    async canActivate(execution: ExecutionContext): Promise<boolean> {
      await wait(1);
      Reflect.set(execution.switchToHttp().getRequest<object>(), "guarded", seen());
      return true;
    }
  }

  class Interceptor {
    intercept(_execution: ExecutionContext, next: CallHandler) {
      const before = seen();
      return next.handle().pipe(map((body: object) => ({ ...body, before, after: seen() })));
    }
  }

  class Filter {
    catch(error: Error, host: Common.ArgumentsHost): void {
      const response = host.switchToHttp().getResponse<{ status(code: number): { send(body: object): void } }>();
      response.status(503).send({ message: error.message, filter: seen() });
    }
  }

  class Root {
    readonly name = "shop";
  }

  const of = (method: string): TypedPropertyDescriptor<unknown> => {
    const descriptor = Object.getOwnPropertyDescriptor(Cart.prototype, method);
    if (descriptor === undefined) throw new Error(`Cart has no ${method}`);
    return descriptor;
  };
  common.Injectable()(Prices);
  common.Inject(Prices)(Cart, undefined, 0);
  common.Inject("OF_REQUEST")(Cart, undefined, 1);
  common.Req()(Cart.prototype, "show", 0);
  common.Param("item")(Cart.prototype, "show", 1);
  common.Get("items/:item")(Cart.prototype, "show", of("show"));
  common.Get("broken/:item")(Cart.prototype, "fail", of("fail"));
  common.Controller("cart")(Cart);
  common.Catch()(Filter);
  common.Module({
    controllers: [Cart],
    providers: [
      { provide: Prices, useFactory: async () => wait(1).then(() => new Prices()) },
      { provide: "OF_REQUEST", scope: common.Scope.REQUEST, useFactory: async () => wait(1).then(seen) },
      { provide: core.APP_GUARD, useValue: new Guard() },
      { provide: core.APP_INTERCEPTOR, useValue: new Interceptor() },
      { provide: core.APP_FILTER, useValue: new Filter() },
    ],
  })(Root);
  return Root;
}

/** What holds of Nest on both of its platforms. */
export function describeNest(
  version: string,
  nest: Nest,
  tracing: Tracing,
  options: InboundOptions<object> = {},
): void {
  beforeEach(() => tracing.clear());
  afterAll(() => tracing.stop());

  describe.each(platforms)(`NestJS ${version} on $name`, (platform) => {
    async function serving<T>(use: (port: number) => Promise<T>): Promise<T> {
      const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true });
      const app = await platform.serve(nest, shopModule(nest, experiments), experiments, options);
      try {
        return await use(app.port);
      } finally {
        await app.close();
        await experiments.close();
      }
    }

    const asked = (variant: string | undefined): { readonly lines: readonly string[] } => ({
      lines: variant === undefined ? [] : [`baggage: experiment.checkout.variant=${variant},user=1`],
    });

    function expected(variant: string): object {
      const places = ["guard", "before", "controller", "later", "provider", "requestProvider", "of", "after"];
      return Object.fromEntries(places.map((place) => [place, variant]));
    }

    test("NE-01 guards, interceptors, controllers and async providers see the request's variant", async () => {
      const [withOne, without] = await serving(async (port) => [
        await send(port, { path: "/cart/items/1", ...asked("express") }),
        await send(port, { path: "/cart/items/2" }),
      ]);
      expect(JSON.parse(withOne?.body ?? "")).toEqual(expected("express"));
      expect(JSON.parse(without?.body ?? "")).toEqual(expected("none"));
    });

    test("NE-02 exception filters see it, and the server span has it and the error", async () => {
      const { status, body } = await serving(async (port) => {
        const answer = await send(port, { path: "/cart/broken/1", ...asked("express") });
        await tracing.serverSpans(1);
        return answer;
      });
      expect([status, JSON.parse(body)]).toEqual([503, { message: "out of stock", filter: "express" }]);
      const [span] = await tracing.serverSpans(1);
      expect(span?.attributes).toMatchObject({ "experiment.variant": "express", "http.response.status_code": 503 });
    });

    test("NE-03 many requests at once have each their own, on the one server span too", async () => {
      const variants = ["control", "single_page", "express", undefined] as const;
      const variantOf = (n: number) => variants[n % variants.length];
      const answers = await serving(async (port) => {
        const all = await Promise.all(
          Array.from({ length: 40 }, (_, n) => send(port, { path: `/cart/items/${n}`, ...asked(variantOf(n)) })),
        );
        await tracing.serverSpans(40);
        return all;
      });
      expect(answers.map(({ body }) => JSON.parse(body) as unknown)).toEqual(
        answers.map((_, n) => expected(variantOf(n) ?? "none")),
      );
      const spans = await tracing.serverSpans(40);
      // instrumentation-http knows no routes.
      const nameOfSpan = options.serverSpan === "create" ? "GET /cart/items/:item" : "GET";
      expect(spans).toHaveLength(40);
      for (const { attributes, name } of spans) {
        const n = Number(String(attributes["url.path"]).split("/").at(-1));
        const variant = variantOf(n);
        expect(attributes["experiment.checkout.variant"]).toBe(variant);
        expect(attributes["experiment.search.variant"]).toBe(n % 2 === 0 ? "bm25" : "semantic");
        expect(name).toBe(nameOfSpan);
      }
      const others = tracing.spans().filter((span) => !isServerSpan(span));
      expect(others.flatMap(({ attributes }) => Object.keys(experimentAttributes(attributes)))).toEqual([]);
    });
  });
}
