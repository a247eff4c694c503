import { BlockList, isIP } from "node:net";
import { ExperimentConfigError } from "../errors.ts";
import { show } from "../show.ts";
import { holds } from "./predicate.ts";

/** A header by its lower-case name, as an adapter gives it. */
export type HeaderGetter = (name: string) => string | readonly string[] | undefined;

/** What says who sent a request. */
export interface Caller {
  readonly header: HeaderGetter;
  /** The socket's remote address; undefined for a unix socket. */
  readonly peer: string | undefined;
}

/** Whether a caller's own members count: `true`, the networks it may come from, or a synchronous predicate. */
export type TrustInbound = boolean | readonly string[] | ((caller: Caller) => boolean);

/** What a proxy adds. A peer that forwards others' requests vouches for none of them. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "via"] as const;

/** Compiles the option into a test that never throws. */
export function compileTrust(trust: unknown, trustProxied: boolean): (caller: Caller) => boolean {
  if (typeof trust === "boolean") return () => trust;
  if (typeof trust === "function") {
    return (caller) => holds("trustInbound", "trust-predicate", () => Reflect.apply(trust, undefined, [caller]));
  }
  if (Array.isArray(trust)) return byNetwork(compileNetworks(trust), trustProxied);
  throw new ExperimentConfigError(
    "ERR_TRUST_INBOUND",
    `trustInbound is ${show(trust)}; write true, false, networks such as ["10.0.0.0/8"], or ({ header, peer }) => boolean`,
  );
}

function byNetwork(networks: BlockList, trustProxied: boolean): (caller: Caller) => boolean {
  return ({ header, peer }) => {
    if (peer === undefined || !contains(networks, peer)) return false;
    return trustProxied || PROXY_HEADERS.every((name) => header(name) === undefined);
  };
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function contains(networks: BlockList, peer: string): boolean {
  const address = MAPPED_IPV4.exec(peer)?.[1] ?? peer.split("%", 1)[0] ?? "";
  const family = isIP(address);
  return family !== 0 && networks.check(address, family === 4 ? "ipv4" : "ipv6");
}

function compileNetworks(entries: readonly unknown[]): BlockList {
  const networks = new BlockList();
  for (const entry of entries) addNetwork(networks, entry);
  return networks;
}

function addNetwork(networks: BlockList, entry: unknown): void {
  const [address = "", bits, ...rest] = typeof entry === "string" ? entry.split("/") : [];
  const family = isIP(address);
  const width = family === 4 ? 32 : 128;
  const length = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (family === 0 || rest.length > 0 || length < 0 || length > width) {
    throw new ExperimentConfigError(
      "ERR_TRUST_INBOUND",
      `trustInbound holds ${show(entry)}; write networks such as "10.0.0.0/8", "fd00::/8" or "127.0.0.1"`,
    );
  }
  const mapped = MAPPED_IPV4.exec(address)?.[1];
  if (mapped !== undefined && length >= 96) networks.addSubnet(mapped, length - 96, "ipv4");
  else networks.addSubnet(address, length, family === 4 ? "ipv4" : "ipv6");
}
