import type http from "node:http";
import type https from "node:https";
import net from "node:net";
import tls from "node:tls";
import axios from "axios";
import followRedirects from "follow-redirects";
import got from "got";
import nodeFetch from "node-fetch";
import type { ExperimentsHandle } from "otel-experiments/adapter";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import type { InstrumentationName } from "../../support/client-instrumentations.ts";
import { SHOWS_DESTINATION } from "../../support/clients/node-http.ts";
import { type UndiciMajor, undiciMajors } from "../../support/clients/undici-majors.ts";
import type { Network } from "../../support/network.ts";
import { type Shape, shapes } from "./header-forms.ts";

/** One way of making a request. */
export interface Client {
  readonly name: string;
  /** The software that makes the request. */
  readonly library: string;
  /** Whether it passes variants on. */
  readonly wrapped: boolean;
  /** What it goes through, and so which of OpenTelemetry's instrumentations sees it. */
  readonly over: InstrumentationName;
  /** Names that no server has are led to ours, except by the built-in fetch. */
  readonly reach: "any" | "loopback";
  readonly follows: boolean;
  /** Whether it takes `user:pass@`. */
  readonly credentials: boolean;
  readonly secure: boolean;
  /** Where the way shows no destination, nothing of ours may leave, whatever the URL says. */
  readonly blind: boolean;
  /** Node makes its header block before anybody sees the request, so that nothing of ours is written. */
  readonly blockMade: boolean;
  /** It writes the whole URL, user and password too, and a URL with these is the origin of nobody. */
  readonly wholeUrl: boolean;
  /** Behind the first hop it cannot be known whose request it is, unless the headers of the first hop show it. */
  readonly hidesHops: boolean;
  /** It sets its headers when the request is made already, and so in the place of what OpenTelemetry set. */
  readonly late: boolean;
  /** It gives node:http its headers as an array, which OpenTelemetry's instrumentation mangles. */
  readonly arrays: boolean;
  readonly shapes: readonly Shape[];
  /** Makes one request, follows redirects if it can, and reads the answer to its end. */
  send(url: string, headers: unknown): Promise<unknown>;
}

/** The modules of Node, as they were required behind OpenTelemetry's patches. */
export interface HttpModules {
  readonly http: typeof http;
  readonly https: typeof https;
}

export interface OpenClients {
  readonly clients: readonly Client[];
  close(): Promise<void>;
}

const COMMON = {
  wrapped: false,
  reach: "any",
  follows: false,
  credentials: true,
  secure: true,
  blind: false,
  blockMade: false,
  wholeUrl: false,
  hidesHops: false,
  late: false,
  arrays: false,
} as const satisfies Partial<Client>;

const FETCH_SHAPES: readonly Shape[] = [shapes.object, shapes.capital, shapes.headers, shapes.fetchPairs];
const PLAIN_SHAPES: readonly Shape[] = [shapes.object, shapes.capital, shapes.lists, shapes.flat];
const UNDICI_SHAPES: readonly Shape[] = [...PLAIN_SHAPES, shapes.iterable, shapes.map, shapes.headers];

/** All clients, unwrapped and wrapped. */
export function openClients(experiments: ExperimentsHandle, network: Network, modules: HttpModules): OpenClients {
  const closing: (() => Promise<void> | void)[] = [];
  const fetching = {
    ...COMMON,
    library: "the built-in fetch",
    follows: true,
    credentials: false,
    shapes: FETCH_SHAPES,
  } as const;
  const wrappedFetch = experimentFetch(experiments);
  const builtIn: readonly Client[] = [
    {
      ...fetching,
      name: "the built-in fetch",
      over: "undici",
      reach: "loopback",
      secure: false,
      send: async (url, headers) => drain(await fetch(url, { headers: asHeaders(headers) })),
    },
    {
      ...fetching,
      name: "the built-in fetch, wrapped",
      wrapped: true,
      over: "undici",
      reach: "loopback",
      secure: false,
      send: async (url, headers) => drain(await wrappedFetch(url, { headers: asHeaders(headers) })),
    },
    {
      ...fetching,
      name: "the built-in fetch of a Request, wrapped",
      wrapped: true,
      over: "undici",
      reach: "loopback",
      secure: false,
      shapes: [shapes.headers],
      send: async (url, headers) => drain(await wrappedFetch(new Request(url, { headers: asHeaders(headers) }))),
    },
  ];
  return {
    clients: [
      ...builtIn,
      ...undiciMajors.flatMap((major) => undiciClients(experiments, network, major, closing)),
      ...httpClients(experiments, network, modules, closing),
    ],
    close: async () => {
      for (const close of closing) await close();
    },
  };
}

async function drain(response: Response): Promise<void> {
  await response.arrayBuffer();
}

function asHeaders(headers: unknown): Record<string, string> {
  // why: what the shapes build is what the client under test takes
  return headers as Record<string, string>;
}

function undiciClients(
  experiments: ExperimentsHandle,
  network: Network,
  { name, major, undici }: UndiciMajor,
  closing: (() => Promise<void> | void)[],
): readonly Client[] {
  const ours = experimentInterceptor(experiments);
  const redirect = undici.interceptors.redirect({ maxRedirections: 5 });
  const retry = undici.interceptors.retry({ maxRetries: 1, minTimeout: 1 });
  const connect: typeof undici.Agent.prototype extends never ? never : ConnectLike = (options, callback) => {
    const socket = options.protocol === "https:" ? connectTls(network) : net.connect(network.port, "127.0.0.1");
    socket.once(options.protocol === "https:" ? "secureConnect" : "connect", () => callback(null, socket));
    socket.once("error", (error) => callback(error, null));
  };
  const agent = new undici.Agent({ connect });
  const tunnel = new undici.ProxyAgent({
    uri: `http://127.0.0.1:${network.proxyPort}`,
    proxyTunnel: true,
    requestTls: { rejectUnauthorized: false },
  });
  const forward = new undici.ProxyAgent({ uri: `http://127.0.0.1:${network.otherPort}`, proxyTunnel: false });
  closing.push(
    () => agent.close(),
    () => tunnel.close(),
    () => forward.close(),
  );
  const common = { ...COMMON, library: name, over: "undici", shapes: UNDICI_SHAPES } as const;
  // undici 6 loses the headers of an iterable on the second hop, with us and without us.
  const following = { ...common, follows: true, shapes: major === 6 ? PLAIN_SHAPES : UNDICI_SHAPES } as const;

  // undici 6 shows the target in the place of the proxy.
  const hidesProxy = major === 6;
  const request =
    (dispatcher: Dispatcher): Client["send"] =>
    async (url, headers) => {
      const { body } = await undici.request(url, { dispatcher, headers: asHeaders(headers) });
      await body.dump();
    };
  const stream =
    (dispatcher: Dispatcher): Client["send"] =>
    async (url, headers) => {
      const { PassThrough } = await import("node:stream");
      await undici.stream(url, { dispatcher, method: "GET", headers: asHeaders(headers) }, () =>
        new PassThrough().resume(),
      );
    };
  const pipeline =
    (dispatcher: Dispatcher): Client["send"] =>
    (url, headers) =>
      new Promise((resolve, reject) => {
        undici
          .pipeline(url, { dispatcher, method: "GET", headers: asHeaders(headers) }, ({ body }) => body)
          .on("error", reject)
          .on("end", resolve)
          .resume()
          .end();
      });
  // why: undici's types of fetch are its own, and nearly those of the built-in one
  const fetchOver = (dispatcher: Dispatcher) =>
    ((input: string, init: object) => undici.fetch(input, { ...init, dispatcher })) as typeof fetch;
  const fetchWith =
    (inner: typeof fetch): Client["send"] =>
    async (url, headers) =>
      drain(await inner(url, { headers: asHeaders(headers) }));

  const fetching = { ...common, follows: true, credentials: false, shapes: FETCH_SHAPES } as const;
  const composed = agent.compose(ours);
  const unwrapped: readonly Client[] = [
    { ...fetching, name: `${name} fetch`, send: fetchWith(fetchOver(agent)) },
    { ...common, name: `${name} request`, send: request(agent) },
    { ...common, name: `${name} stream`, shapes: [shapes.object, shapes.flat], send: stream(agent) },
    { ...common, name: `${name} pipeline`, shapes: [shapes.object, shapes.flat], send: pipeline(agent) },
    {
      ...following,
      name: `${name} request that follows`,
      hidesHops: major === 7,
      send: request(agent.compose(redirect)),
    },
    { ...common, name: `${name} request by CONNECT`, shapes: [shapes.object], send: request(tunnel) },
    {
      ...common,
      name: `${name} request by proxy`,
      blind: hidesProxy,
      secure: false,
      shapes: [shapes.object],
      send: request(forward),
    },
  ];
  const wrapped: readonly Omit<Client, "wrapped">[] = [
    { ...fetching, name: `${name} fetch, wrapped`, send: fetchWith(experimentFetch(experiments, fetchOver(agent))) },
    { ...fetching, name: `${name} fetch over our interceptor`, send: fetchWith(fetchOver(composed)) },
    { ...common, name: `${name} request, intercepted`, send: request(composed) },
    { ...common, name: `${name} stream, intercepted`, shapes: [shapes.object, shapes.flat], send: stream(composed) },
    { ...common, name: `${name} pipeline, intercepted`, shapes: [shapes.object], send: pipeline(composed) },
    {
      ...following,
      name: `${name} request, intercepted inside of redirect`,
      send: request(agent.compose(ours, redirect, retry)),
    },
    {
      ...following,
      name: `${name} request, intercepted outside of redirect`,
      hidesHops: major === 7,
      send: request(agent.compose(redirect, retry, ours)),
    },
    {
      ...common,
      name: `${name} request by CONNECT, intercepted`,
      shapes: [shapes.object],
      send: request(tunnel.compose(ours)),
    },
    {
      ...common,
      name: `${name} request by proxy, intercepted`,
      blind: hidesProxy,
      secure: false,
      shapes: [shapes.object],
      send: request(forward.compose(ours)),
    },
  ];
  return [...unwrapped, ...wrapped.map((client) => ({ ...client, wrapped: true }))];
}

/** What we use of undici's own connector. */
type ConnectLike = (
  options: { readonly protocol?: string | undefined },
  callback: (...result: [null, net.Socket | tls.TLSSocket] | [Error, null]) => void,
) => void;

function connectTls(network: Network): tls.TLSSocket {
  return tls.connect({ port: network.tlsPort, host: "127.0.0.1", rejectUnauthorized: false });
}

function httpClients(
  experiments: ExperimentsHandle,
  network: Network,
  modules: HttpModules,
  closing: (() => Promise<void> | void)[],
): readonly Client[] {
  const plain = new modules.http.Agent({ keepAlive: true });
  const secure = new modules.https.Agent({ keepAlive: true });
  plain.createConnection = () => net.connect(network.port, "127.0.0.1");
  secure.createConnection = () => connectTls(network);
  closing.push(
    () => plain.destroy(),
    () => secure.destroy(),
  );
  const request =
    (verb: "request" | "get"): Client["send"] =>
    (url, headers) =>
      answered(
        url.startsWith("https:")
          ? modules.https[verb](url, { agent: secure, headers: asHeaders(headers) })
          : modules.http[verb](url, { agent: plain, headers: asHeaders(headers) }),
      );
  const expecting: Client["send"] = (url, headers) =>
    request("request")(url, { ...asHeaders(headers), Expect: "100-continue" });
  const later: Client["send"] = (url, headers) => {
    const made = url.startsWith("https:")
      ? modules.https.request(url, { agent: secure })
      : modules.http.request(url, { agent: plain });
    for (const [name, value] of Object.entries(asHeaders(headers))) made.setHeader(name, value);
    return answered(made);
  };
  const overSocket: Client["send"] = (url, headers) =>
    answered(modules.http.request(url, { agent: false, socketPath: network.socketPath, headers: asHeaders(headers) }));
  const absolute: Client["send"] = (url, headers) =>
    answered(
      modules.http.request({
        host: "127.0.0.1",
        port: network.otherPort,
        path: new URL(url).href,
        headers: asHeaders(headers),
        agent: false,
      }),
    );
  const agents = { httpAgent: plain, httpsAgent: secure };
  const agentFor = ({ protocol }: URL): http.Agent => (protocol === "https:" ? secure : plain);
  // why: node-fetch's types are its own
  const overAgent = ((input: string, init: object) =>
    nodeFetch(input, { ...init, agent: agentFor })) as unknown as typeof fetch;
  const fetchWith =
    (inner: typeof fetch): Client["send"] =>
    async (url, headers) =>
      drain(await inner(url, { headers: asHeaders(headers) }));

  const common = {
    ...COMMON,
    library: "node:http",
    over: "http",
    blind: !SHOWS_DESTINATION,
    shapes: [shapes.object, shapes.capital, shapes.lists],
  } as const;
  const ofArrays = { arrays: true, blockMade: true } as const;
  const unwrapped: readonly Client[] = [
    { ...common, name: "http.request", send: request("request") },
    { ...common, name: "http.get", send: request("get") },
    { ...common, name: "http.request with Expect", blockMade: true, send: expecting },
    {
      ...common,
      name: "http.request whose headers are set later",
      late: true,
      shapes: [shapes.object, shapes.lists],
      send: later,
    },
    { ...common, ...ofArrays, name: "http.request of pairs", shapes: [shapes.pairs], send: request("request") },
    { ...common, ...ofArrays, name: "http.request of a flat array", shapes: [shapes.flat], send: request("get") },
    { ...common, name: "http.request over a socket path", secure: false, blind: true, send: overSocket },
    {
      ...common,
      name: "http.request of an absolute form",
      wholeUrl: true,
      secure: false,
      send: absolute,
    },
    {
      ...common,
      name: "node-fetch",
      library: "node-fetch",
      follows: true,
      credentials: false,
      shapes: [shapes.object, shapes.headers, shapes.pairs],
      send: fetchWith(overAgent),
    },
    {
      ...common,
      name: "axios",
      library: "axios",
      follows: true,
      shapes: [shapes.object, shapes.capital],
      send: (url, headers) => axios.get(url, { ...agents, proxy: false, headers: asHeaders(headers) }),
    },
    {
      ...common,
      name: "got",
      library: "got",
      follows: true,
      send: (url, headers) => got(url, { agent: { http: plain, https: secure }, headers: asHeaders(headers) }).text(),
    },
    {
      ...common,
      name: "follow-redirects",
      library: "follow-redirects",
      follows: true,
      send: (url, headers) =>
        answered(
          followRedirects[url.startsWith("https:") ? "https" : "http"].request(url, {
            agents: { http: plain, https: secure },
            headers: asHeaders(headers),
          }),
        ),
    },
  ];

  /** A fetch over node:http, as small as it can be. */
  const over = (send: Client["send"], form: (headers: Headers) => unknown): Client["send"] =>
    fetchWith(
      experimentFetch(experiments, async (input, init) => {
        await send(input instanceof Request ? input.url : input.toString(), form(new Headers(init?.headers)));
        return new Response();
      }),
    );
  const fetching = { ...common, shapes: FETCH_SHAPES } as const;
  const wrapped: readonly Omit<Client, "wrapped">[] = [
    { ...fetching, name: "http.request, wrapped", send: over(request("request"), Object.fromEntries) },
    { ...fetching, name: "http.get, wrapped", send: over(request("get"), Object.fromEntries) },
    {
      ...fetching,
      name: "http.request with Expect, wrapped",
      blockMade: true,
      send: over(expecting, Object.fromEntries),
    },
    {
      ...fetching,
      ...ofArrays,
      name: "http.request of pairs, wrapped",
      send: over(request("request"), (headers) => [...headers]),
    },
    {
      ...fetching,
      ...ofArrays,
      name: "http.request of a flat array, wrapped",
      send: over(request("request"), (headers) => [...headers].flat()),
    },
    {
      ...fetching,
      name: "http.request over a socket path, wrapped",
      secure: false,
      blind: true,
      send: over(overSocket, Object.fromEntries),
    },
    {
      ...fetching,
      name: "http.request of an absolute form, wrapped",
      wholeUrl: true,
      secure: false,
      send: over(absolute, Object.fromEntries),
    },
    {
      ...fetching,
      name: "node-fetch, wrapped",
      // It joins pairs of one name in its own way, where nothing of ours is added.
      shapes: [shapes.object, shapes.headers, shapes.onePair],
      library: "node-fetch",
      follows: true,
      credentials: false,
      send: fetchWith(experimentFetch(experiments, overAgent)),
    },
  ];
  return [...unwrapped, ...wrapped.map((client) => ({ ...client, wrapped: true }))];
}

function answered(request: Pick<http.ClientRequest, "on" | "end">): Promise<void> {
  return new Promise((resolve, reject) => {
    request.on("response", (response) => response.resume().on("end", resolve).on("error", reject));
    request.on("error", reject);
    request.end();
  });
}
