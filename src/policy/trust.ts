import { BlockList, isIP } from "node:net";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { askPredicate } from "../checks/predicate.ts";
import type { Caller, ListingCaller } from "../http/shapes.ts";

/** The callers whose own members count: all (`true`), none (`false`), those of networks, or by a synchronous predicate. */
export type TrustInbound = boolean | readonly string[] | ((caller: Caller) => boolean);

/** Compiled `trustInbound`. Neither method throws. */
export interface Trust {
  trusts(caller: Caller): boolean;
  /** Why a caller is not trusted, and what to write to trust it. */
  explain(caller: Caller): string;
}

/**
 * Headers by which proxies, load balancers and content delivery networks tell of the request that they forward. The
 * address of a proxy says nothing about the caller behind it.
 */
const PROXY_HEADERS: readonly string[] = [
  // RFC 7239, RFC 9110, section 7.6.3, and RFC 8586.
  "forwarded via cdn-loop",
  "x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-server x-forwarded-prefix",
  "x-forwarded-by x-forwarded-scheme x-forwarded-protocol x-forwarded-ssl x-forwarded-client-cert x-forwarded-uri",
  "x-forwarded forwarded-for x-original-forwarded-for x-original-host x-original-url x-originating-ip x-host",
  "x-real-ip x-client-ip client-ip x-cluster-client-ip x-remote-ip x-remote-addr x-proxyuser-ip proxy-client-ip",
  "wl-proxy-client-ip front-end-https x-arr-log-id",
  "x-envoy-external-address x-envoy-original-path x-envoy-original-host",
  "true-client-ip akamai-origin-hop incap-client-ip x-sucuri-clientip ali-cdn-real-ip",
  "cf-connecting-ip cf-connecting-ipv6 cf-pseudo-ipv4 cf-ray cf-visitor",
  "fastly-client-ip fastly-client fastly-ssl fly-client-ip do-connecting-ip x-nf-client-connection-ip",
  "x-azure-clientip x-azure-socketip x-azure-fdid x-appengine-user-ip x-vercel-forwarded-for",
  "cloudfront-viewer-address x-amz-cf-id",
].flatMap((names) => names.split(" "));

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
  if (Array.isArray(trust)) return byNetwork(new Networks(trust), trustProxied);
  throw new ExperimentConfigError(
    "ERR_TRUST_INBOUND",
    `trustInbound is ${describeValue(trust)}; write true, false, networks such as ["10.0.0.0/8"], or ({ header, peer }) => boolean`,
  );
}

function byNetwork(networks: Networks, trustProxied: boolean): Trust {
  const isWithin = ({ peer }: Caller): boolean => peer !== undefined && networks.hold(peer);
  return {
    trusts: (caller) => isWithin(caller) && (trustProxied || !isProxied(caller)),
    explain(caller) {
      const forwards = isWithin(caller) ? proxyHeaderOf(caller) : undefined;
      if (forwards === undefined) return explainStranger(caller);
      return `its header ${forwards} shows that it is a proxy; if you trust the requests that it forwards, set trustProxied: true`;
    },
  };
}

const PROXY_HEADER_SET: ReadonlySet<string> = new Set(PROXY_HEADERS);

/** A request has few headers, so its own names are looked up, if it lists them. */
function isProxied(caller: ListingCaller): boolean {
  return caller.hasHeaderOf?.(PROXY_HEADER_SET) ?? proxyHeaderOf(caller) !== undefined;
}

function proxyHeaderOf({ header }: Caller): string | undefined {
  return PROXY_HEADERS.find((name) => header(name) !== undefined);
}

function explainStranger({ peer }: Caller): string {
  return peer === undefined
    ? "no network can match it; if you trust it, write a predicate as trustInbound, or for a message run(headers, fn, { trusted: true })"
    : `if you trust it, add its network to trustInbound, such as ${describeValue(addressOf(peer) ?? peer)}`;
}

/** `::ffff:a00:1`, the form in which URLs write a mapped address (RFC 4291, section 2.5.5.2). */
const MAPPED = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

const MAPPED_PREFIX = "::ffff:";

/** The bits of an IPv4 address that ends a text, in the form that `isIP` takes; -1 if there is none. */
function bitsOf(text: string, start: number): number {
  let bits = 0;
  let octet = -1;
  let dots = 0;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (octet === -1 || ++dots > 3) return -1;
      bits = (bits << 8) | octet;
      octet = -1;
    } else {
      const digit = code - 0x30;
      if (digit < 0 || digit > 9 || octet === 0) return -1;
      octet = octet === -1 ? digit : octet * 10 + digit;
      if (octet > 255) return -1;
    }
  }
  return dots === 3 && octet !== -1 ? ((bits << 8) | octet) >>> 0 : -1;
}

/**
 * The address without the zone of a link-local one, an IPv6 address in its shortest form, a mapped IPv4 address as IPv4;
 * undefined if it is none.
 */
function addressOf(text: string): string | undefined {
  const [address = ""] = text.split("%", 1);
  const family = isIP(address);
  if (family !== 6) return family === 4 ? address : undefined;
  const { hostname } = new URL(`http://[${address}]`);
  const [, high, low] = MAPPED.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname.slice(1, -1);
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [upper >> 8, upper & 0xff, lower >> 8, lower & 0xff].join(".");
}

/**
 * Networks of IPv4 and of IPv6, apart: to `BlockList`, an IPv6 network such as `::/64` holds every IPv4 address, since it
 * holds the mapped ones.
 */
class Networks {
  /** By computing: `BlockList` makes an object of the engine for each address that is checked. */
  readonly #ipv4: { readonly bits: number; readonly mask: number }[] = [];
  readonly #ipv6 = new BlockList();

  /** @throws ExperimentConfigError */
  constructor(entries: readonly unknown[]) {
    for (const entry of entries) this.#add(entry);
  }

  hold(peer: string): boolean {
    const known = bitsOf(peer, peer.startsWith(MAPPED_PREFIX) ? MAPPED_PREFIX.length : 0);
    if (known !== -1) return this.#holdIpv4(known);
    const address = addressOf(peer);
    if (address === undefined) return false;
    return isIP(address) === 4 ? this.#holdIpv4(bitsOf(address, 0)) : this.#ipv6.check(address, "ipv6");
  }

  #holdIpv4(address: number): boolean {
    for (const { bits, mask } of this.#ipv4) if ((address & mask) === bits) return true;
    return false;
  }

  #add(entry: unknown): void {
    const [text = "", bits, ...rest] = typeof entry === "string" ? entry.split("/") : [];
    const address = text.includes("%") ? undefined : addressOf(text);
    const width = isIP(text) === 4 ? 32 : 128;
    const length = bits === undefined ? width : /^(?:0|[1-9]\d{0,2})$/.test(bits) ? Number(bits) : -1;
    if (address === undefined || rest.length > 0 || length < 0 || length > width) {
      throw refuse(entry, 'write networks such as "10.0.0.0/8", "fd00::/8" or "127.0.0.1"');
    }
    if (isIP(address) === 6) {
      this.#ipv6.addSubnet(address, length, "ipv6");
      return;
    }
    const ofIpv4 = length - width + 32;
    if (ofIpv4 < 0) {
      const [meant, whole] = length > 32 ? [8, 104] : [length, length + 96];
      throw refuse(
        entry,
        `the length of a mapped IPv4 network counts from 96; write "${address}/${meant}", or "::ffff:${address}/${whole}"`,
      );
    }
    // A shift by 32 bits shifts by none.
    const mask = ofIpv4 === 0 ? 0 : -1 << (32 - ofIpv4);
    this.#ipv4.push({ bits: bitsOf(address, 0) & mask, mask });
  }
}

function refuse(entry: unknown, fix: string): ExperimentConfigError {
  return new ExperimentConfigError("ERR_TRUST_INBOUND", `trustInbound holds ${describeValue(entry)}; ${fix}`);
}
