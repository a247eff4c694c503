import { BlockList, isIP } from "node:net";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { askPredicate } from "../checks/predicate.ts";
import type { Caller } from "../http/shapes.ts";

/** Whether a caller's own members count: `true`, the networks it may come from, or a synchronous predicate. */
export type TrustInbound = boolean | readonly string[] | ((caller: Caller) => boolean);

/** Who is believed, compiled. Neither throws. */
export interface Trust {
  trusts(caller: Caller): boolean;
  /** Why a caller is not, and what to write so that it is. */
  explain(caller: Caller): string;
}

/** What a proxy adds. A peer that forwards others' requests vouches for none of them. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "via"] as const;

/** @throws ExperimentConfigError */
export function compileTrust(trust: unknown, trustProxied: boolean): Trust {
  if (typeof trust === "boolean") return { trusts: () => trust, explain: explainStranger };
  if (typeof trust === "function") {
    return {
      trusts: (caller) =>
        askPredicate("trustInbound", "trust-predicate", () => Reflect.apply(trust, undefined, [caller])),
      explain: () => "the predicate of trustInbound says so",
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
      return `by its ${forwards} it speaks for somebody else; if you believe what it forwards, set trustProxied: true`;
    },
  };
}

function proxyHeaderOf({ header }: Caller): string | undefined {
  return PROXY_HEADERS.find((name) => header(name) !== undefined);
}

function explainStranger({ peer }: Caller): string {
  return peer === undefined
    ? "no network has it; if you believe it, write a predicate as trustInbound, or for a message run(headers, fn, { trusted: true })"
    : `if you believe it, add its network to trustInbound, such as ${describeValue(addressOf(peer))}`;
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Without the zone that a link-local one has. */
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
