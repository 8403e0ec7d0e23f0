/**
 * What can be set for the node itself, the part that all its services share: who it is, where it listens, where its data
 * is, whom it knows, how it logs. Values that follow from others when unset are computed here, by functions.
 */
import { hostname } from "node:os";

import { type Address, formatAddress, isHost, isPlainUrl } from "./address.ts";
import { type OptionsOf, section } from "./declaration.ts";
import { address, choice, duration, file, flag, folder, list, secret, text, url } from "./fields.ts";

const fields = {
  name: text({
    summary: "The name of this node for people, in pages and logs.",
    default: undefined,
    example: "attic",
    unset: "the host's name",
  }),
  id: text({
    summary:
      "The permanent identity of this node in its cluster. Changing it makes it another node, whose copies start from nothing.",
    wanted: "8 to 64 letters, digits, dots, dashes or underscores",
    accepts: (value) => /^[\w.-]{8,64}$/.test(value),
    example: "3f1c2a52-7a0e-4d0c-9a53-0c7a4d8a5b11",
    unset: "made at the first start and kept in the data folder",
  }),
  listen: address({
    summary:
      "Where the node answers HTTP: the console, and each service under a path of its own. Port 0 takes any free one.",
    default: "127.0.0.1:4100",
  }),
  advertise: url({
    summary: "The URL under which other nodes and users reach this one, when that is not the address it listens on.",
    example: "https://attic.example",
    unset: "made from listen",
  }),
  data: folder({
    summary: "The folder that holds everything the node keeps; each service has a folder of its own in it.",
    default: "./data",
  }),
  join: list(address({ example: "store-2.example:4101" }), {
    summary:
      "Gossip addresses of other nodes of the cluster. One that answers is enough; the node asks again for as long as it is alone.",
  }),
  gossip: address({
    summary: "Where the node gossips with others, over UDP and TCP on one port.",
    example: "127.0.0.1:4101",
    unset: "the host of listen, the port after it",
  }),
  clusterSecret: secret({
    summary:
      "What the nodes of a cluster share: it encrypts their gossip and signs their requests to each other. Needed as soon as others can reach the node.",
    example: "a long random text, the same on every node",
    unset: "the node trusts whoever reaches it",
  }),
  tlsCertificate: file({
    summary: "The certificate chain in PEM form, to answer HTTPS instead of HTTP. Read again when the file changes.",
    example: "/etc/warren/certificate.pem",
    unset: "plain HTTP",
  }),
  tlsKey: file({
    summary: "The private key of the certificate, in PEM form.",
    example: "/etc/warren/key.pem",
    unset: "plain HTTP",
  }),
  openBeyondLoopback: flag({
    summary:
      "Serve without tokens on an address that other machines can reach. Whoever reaches it may then read and write everything.",
  }),
  hosts: list(
    text({
      wanted: "a host name without a port",
      accepts: isHost,
      example: "attic.example",
    }),
    {
      summary:
        "Further host names under which browsers may ask this node, besides its own addresses. Requests for other names are refused, which keeps foreign pages out.",
    },
  ),
  logLevel: choice(["debug", "info", "warn", "error"], {
    summary: "The least important entries that are logged.",
    default: "info",
  }),
  logFormat: choice(["auto", "json", "text"], {
    summary: "How log lines look: JSON for programs, text for people; auto is text on a terminal and JSON elsewhere.",
    default: "auto",
  }),
  accessLog: flag({ summary: "Log each request that was answered." }),
  stopTimeoutMs: duration({
    summary: "How long a stopping node lets requests and background work finish before it cuts them off.",
    default: "30s",
    max: "1h",
  }),
} as const;

/** The options of the node. */
export type NodeOptions = OptionsOf<typeof fields>;

/** The section `[node]`. */
export const nodeSection = section(
  "node",
  "the node itself: who it is, where it listens, where its data is, whom it knows",
  fields,
  (options) => {
    const faults: string[] = [];
    if ((options.tlsCertificate === undefined) !== (options.tlsKey === undefined))
      faults.push("tls_certificate and tls_key stand together: wanted both or neither");
    if (options.advertise !== undefined && !isPlainUrl(options.advertise))
      faults.push(`advertise is "${options.advertise}": wanted a URL without a query, and of at most 256 characters`);
    const gossip = options.gossip;
    if (gossip !== undefined && gossip.port !== 0 && formatAddress(gossip) === formatAddress(options.listen))
      faults.push(`gossip and listen are both "${formatAddress(gossip)}": wanted two ports`);
    if (gossip === undefined && options.listen.port === 65535)
      faults.push("listen is on port 65535, so there is no port after it: wanted a value for gossip");
    return faults;
  },
);

/** The node's name: the configured one or the host's. */
export function nameOf(options: NodeOptions): string {
  return options.name ?? hostname();
}

/** Where to gossip: as configured, or beside `listen` on the next port (any free one when `listen` takes any). */
export function gossipAddress(options: NodeOptions): Address {
  const { host, port } = options.listen;
  return options.gossip ?? { host, port: port === 0 ? 0 : port + 1 };
}

/**
 * The URL at which others reach the node, without a trailing slash: as configured, or made from `bound`, the address it
 * really listens on. A listener on all interfaces is named by the host's name, for `0.0.0.0` means nothing elsewhere.
 */
export function advertisedUrl(options: NodeOptions, bound: Address): string {
  if (options.advertise !== undefined) return options.advertise;
  const everywhere = bound.host === "0.0.0.0" || bound.host === "::";
  const host = everywhere ? hostname() : bound.host;
  return `${options.tlsCertificate === undefined ? "http" : "https"}://${formatAddress({ host, port: bound.port })}`;
}
