import type { PropagateTo } from "otel-experiments";
import type { Network } from "../../support/network.ts";
import type { Client } from "./clients.ts";

/** Where a request goes, hop by hop, and whether own members may go with it. */
export interface Destination {
  readonly name: string;
  readonly kind: "addresses" | "hosts" | "credentials" | "TLS" | "redirects";
  readonly url: string;
  /** False for IPv6 on a machine that has none. */
  readonly isReachable: boolean;
  /** For each hop whether it is named. */
  readonly hops: readonly boolean[];
  /** Whether it can be asked for by a client. */
  readonly suits: (client: Client) => boolean;
}

/** What `propagateTo` names. */
export function namedDestinations({ port, otherPort, port6 }: Network): PropagateTo {
  return [
    `http://127.0.0.1:${port}`,
    `http://[::1]:${port6 ?? 1}`,
    `http://api.shop.internal:${port}`,
    `http://*.eu.shop.internal:${port}`,
    "http://default.shop.internal",
    "https://secure.shop.internal",
    { proxy: `http://127.0.0.1:${otherPort}` },
    ({ hostname, protocol }) => protocol === "http:" && hostname === "predicate.shop.internal",
  ];
}

/** All destinations, single ones and chains of redirects. The first is named, and the second is not. */
export function destinationsOf(network: Network): readonly Destination[] {
  return [...singleOnes(network), ...chains(network)];
}

/** One of each kind, for set-ups in which other things differ than the judgement of a name. */
export function someDestinationsOf(network: Network): readonly Destination[] {
  return destinationsOf(network).filter(({ name }) => SOME.has(name));
}

const SOME: ReadonlySet<string> = new Set([
  "a named origin",
  "another port",
  "another name of the same server",
  "an IPv6 address",
  "a named host by wildcard",
  "a default port",
  "a look-alike behind",
  "a homograph",
  "a trailing dot",
  "a path that looks like a host",
  "a named host behind credentials",
  "a named host as credentials",
  "a named host by TLS",
  "301 to another port",
  "302 to another port",
  "302 from another port",
  "307 to another port",
  "308 from another port",
  "302 to another name and back",
  "302 to another host",
  "308 to TLS that is named",
]);

function singleOnes({ port, otherPort, port6 }: Network): readonly Destination[] {
  const loopback: readonly (readonly [name: string, url: string, allowed: boolean])[] = [
    ["a named origin", `http://127.0.0.1:${port}/x`, true],
    ["another port", `http://127.0.0.1:${otherPort}/x`, false],
    ["another name of the same server", `http://localhost:${port}/x`, false],
    ["a named address as one number", `http://2130706433:${port}/x`, true],
    ["a named address in octal", `http://0177.0.0.01:${port}/x`, true],
    ["a named origin in the query", `http://127.0.0.1:${otherPort}/x?http://127.0.0.1:${port}/`, false],
    ["a named origin in the path", `http://127.0.0.1:${otherPort}//127.0.0.1:${port}/`, false],
  ];
  const named: readonly (readonly [name: string, url: string, allowed: boolean])[] = [
    ["a named host", `http://api.shop.internal:${port}/x?y=1`, true],
    ["a named host in upper case", `http://API.Shop.INTERNAL:${port}/x`, true],
    ["a named host in full width", `http://ａｐｉ.shop.internal:${port}/x`, true],
    ["a named host by wildcard", `http://a.eu.shop.internal:${port}/x`, true],
    ["a host that a predicate allows", "http://predicate.shop.internal/x", true],
    ["a default port", "http://default.shop.internal/x", true],
    ["a default port that is written", "http://default.shop.internal:80/x", true],
    ["another port than the default one", "http://default.shop.internal:8080/x", false],
    ["another loopback address", `http://127.0.0.2:${port}/x`, false],
    ["an IPv6 address that is not named", `http://[::1]:${port}/x`, false],
    ["an IPv4 address that is mapped", `http://[::ffff:127.0.0.1]:${port}/x`, false],
    ["a named host without its port", "http://api.shop.internal/x", false],
    ["a look-alike behind", `http://api.shop.internal.evil.test:${port}/x`, false],
    ["a look-alike in front", `http://evilapi.shop.internal:${port}/x`, false],
    ["a look-alike with a hyphen", `http://api-shop.internal:${port}/x`, false],
    ["a homograph", `http://аpi.shop.internal:${port}/x`, false],
    ["a homograph in punycode", `http://xn--pi-7kc.shop.internal:${port}/x`, false],
    ["a trailing dot", `http://api.shop.internal.:${port}/x`, false],
    ["two labels for a wildcard", `http://a.b.eu.shop.internal:${port}/x`, false],
    ["no label for a wildcard", `http://eu.shop.internal:${port}/x`, false],
    ["a named host in the path", `http://evil.test/http://api.shop.internal:${port}/`, false],
    ["a named host in the query", `http://evil.test/?@api.shop.internal:${port}/`, false],
    ["a path that looks like a host", `http://evil.test//api.shop.internal:${port}/`, false],
  ];
  const credentials: readonly (readonly [name: string, url: string, allowed: boolean])[] = [
    ["a named host behind credentials", `http://user:pass@api.shop.internal:${port}/x`, true],
    ["a named host as credentials", `http://api.shop.internal:${port}@evil.test/x`, false],
    ["a named host as the user", "http://api.shop.internal@evil.test/x", false],
  ];
  const secure: readonly (readonly [name: string, url: string, allowed: boolean])[] = [
    ["a named host by TLS", "https://secure.shop.internal/x", true],
    ["a default port of TLS that is written", "https://secure.shop.internal:443/x", true],
    ["another port by TLS", "https://secure.shop.internal:8443/x", false],
    ["TLS where it is not named", `https://api.shop.internal:${port}/x`, false],
  ];
  const six = single("addresses", ["an IPv6 address", `http://[::1]:${port6 ?? 1}/x`, true], () => true);
  return [
    ...loopback.map((entry) => single("addresses", entry, () => true)),
    { ...six, isReachable: port6 !== undefined },
    ...named.map((entry) => single("hosts", entry, ({ reach }) => reach === "any")),
    single(
      "hosts",
      ["no TLS where it is named", "http://secure.shop.internal/x", false],
      ({ reach }) => reach === "any",
    ),
    ...credentials.map((entry) =>
      single("credentials", entry, (client) => client.reach === "any" && client.credentials),
    ),
    ...secure.map((entry) => single("TLS", entry, (client) => client.reach === "any" && client.secure)),
  ];
}

function single(
  kind: Destination["kind"],
  [name, url, allowed]: readonly [name: string, url: string, allowed: boolean],
  suits: Destination["suits"],
): Destination {
  return { name, kind, url, isReachable: true, hops: [allowed], suits };
}

function follows(client: Client): boolean {
  return client.follows;
}

function byName(client: Client): boolean {
  return client.follows && client.reach === "any";
}

function byTls(client: Client): boolean {
  return byName(client) && client.secure;
}

function chains({ port, otherPort }: Network): readonly Destination[] {
  const named = `http://127.0.0.1:${port}`;
  const other = `http://127.0.0.1:${otherPort}`;
  const localhost = `http://localhost:${port}`;
  const api = `http://api.shop.internal:${port}`;
  return [
    ...[301, 302, 303, 307, 308].flatMap((status) => [
      chain(`${status} to another port`, status, [named, other], [true, false], follows),
      chain(`${status} from another port`, status, [other, named], [false, true], follows),
    ]),
    chain("302 to another name and back", 302, [named, localhost, named], [true, false, true], follows),
    chain("307 away twice", 307, [named, other, localhost], [true, false, false], follows),
    chain("308 within what is named", 308, [named, named], [true, true], follows),
    chain("302 to another host", 302, [api, "http://evil.test"], [true, false], byName),
    chain("302 to a look-alike", 302, [api, `http://api.shop.internal.evil.test:${port}`], [true, false], byName),
    chain("302 from another host", 302, ["http://evil.test", api], [false, true], byName),
    chain("307 to TLS that is not named", 307, [api, `https://api.shop.internal:${port}`], [true, false], byTls),
    chain("308 to TLS that is named", 308, [api, "https://secure.shop.internal"], [true, true], byTls),
    chain("301 from TLS", 301, ["https://secure.shop.internal", "http://secure.shop.internal"], [true, false], byTls),
  ];
}

/** Each origin redirects to the next one. */
function chain(
  name: string,
  status: number,
  origins: readonly string[],
  hops: readonly boolean[],
  suits: Destination["suits"],
): Destination {
  const url = origins.reduceRight(
    (next, origin) => `${origin}${next === "" ? "/x" : `/go/${status}/${encodeURIComponent(next)}`}`,
    "",
  );
  return { name, kind: "redirects", url, isReachable: true, hops, suits };
}
