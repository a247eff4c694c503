import { BlockList, isIP } from "node:net";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { askPredicate } from "../checks/predicate.ts";
import type { Caller } from "../http/shapes.ts";

/** The callers whose own members count: all (`true`), none (`false`), those of networks, or by a synchronous predicate. */
export type TrustInbound = boolean | readonly string[] | ((caller: Caller) => boolean);

/** Compiled `trustInbound`. Neither method throws. */
export interface Trust {
  trusts(caller: Caller): boolean;
  /** Why a caller is not trusted, and what to write to trust it. */
  explain(caller: Caller): string;
}

/** Headers that a proxy adds. The address of a proxy says nothing about the caller behind it. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "via"] as const;

/** @throws ExperimentConfigError */
export function compileTrust(trust: unknown, trustProxied: boolean): Trust {
  if (typeof trust === "boolean") return { trusts: () => trust, explain: explainStranger };
  if (typeof trust === "function") {
    return {
      trusts: (caller) =>
        askPredicate("trustInbound", "trust-predicate", () => Reflect.apply(trust, undefined, [caller])),
      explain: () => "the predicate of trustInbound does not trust it",
    };
  }
  if (Array.isArray(trust)) return byNetwork(compileNetworks(trust), trustProxied);
  throw new ExperimentConfigError(
    "ERR_TRUST_INBOUND",
    `trustInbound is ${describeValue(trust)}; write true, false, networks such as ["10.0.0.0/8"], or ({ header, peer }) => boolean`,
  );
}

function byNetwork(networks: BlockList, trustProxied: boolean): Trust {
  const isWithin = ({ peer }: Caller): boolean => peer !== undefined && contains(networks, peer);
  return {
    trusts: (caller) => isWithin(caller) && (trustProxied || proxyHeaderOf(caller) === undefined),
    explain(caller) {
      const forwards = isWithin(caller) ? proxyHeaderOf(caller) : undefined;
      if (forwards === undefined) return explainStranger(caller);
      return `its header ${forwards} shows that it is a proxy; if you trust the requests that it forwards, set trustProxied: true`;
    },
  };
}

function proxyHeaderOf({ header }: Caller): string | undefined {
  return PROXY_HEADERS.find((name) => header(name) !== undefined);
}

function explainStranger({ peer }: Caller): string {
  return peer === undefined
    ? "no network can match it; if you trust it, write a predicate as trustInbound, or for a message run(headers, fn, { trusted: true })"
    : `if you trust it, add its network to trustInbound, such as ${describeValue(addressOf(peer))}`;
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The address without the zone of a link-local one; a mapped IPv4 address in its plain form. */
function addressOf(peer: string): string {
  return MAPPED_IPV4.exec(peer)?.[1] ?? peer.split("%", 1)[0] ?? "";
}

function contains(networks: BlockList, peer: string): boolean {
  const address = addressOf(peer);
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
      `trustInbound holds ${describeValue(entry)}; write networks such as "10.0.0.0/8", "fd00::/8" or "127.0.0.1"`,
    );
  }
  const mapped = MAPPED_IPV4.exec(address)?.[1];
  if (mapped !== undefined && length >= 96) networks.addSubnet(mapped, length - 96, "ipv4");
  else networks.addSubnet(address, length, family === 4 ? "ipv4" : "ipv6");
}
