/**
 * What stands at the two edges of a proxy, as its table says it: TLS and PROXY headers towards clients, and both towards
 * upstreams. Shapes and plans only; nothing is read from files here.
 */
import { z } from "zod";

import { parseSenders, type Senders } from "./senders.ts";

/** Whether clients show a certificate. `optional` asks for one, and refuses one that is not valid. */
export const clientCertificates = ["none", "optional", "required"] as const;

/** TLS that ends here. */
export interface TerminationPlan {
  /** Files in PEM form; which pair is shown depends on the name the client asks for, and the first is shown to all others. */
  readonly certificates: readonly { readonly certificatePath: string; readonly keyPath: string }[];
  readonly clientCertificates: (typeof clientCertificates)[number];
  /** File of the authorities whose client certificates count. */
  readonly clientCaPath: string | undefined;
  /** Protocols in order of preference; empty takes none. A client that offers only others is refused. */
  readonly alpn: readonly string[];
}

/** TLS that begins here. */
export interface OriginationPlan {
  /** Whether the upstream has to show a certificate for its name by a known authority. */
  readonly isVerified: boolean;
  /** The name to ask for and to verify; `client` is the one that the client asked for, else the upstream's host. */
  readonly name: string | undefined;
  /** File of the authorities that count, in place of those that everybody knows. */
  readonly caPath: string | undefined;
  readonly certificatePath: string | undefined;
  readonly keyPath: string | undefined;
  /** Protocols to offer; `client` is the one that was agreed upon with the client. */
  readonly alpn: readonly string[] | "client";
}

/** How a header is sent to upstreams. */
export const headerForms = ["v1", "v2", "v2-crc32c"] as const;

/** Both edges. Undefined is what a bare TCP proxy does. */
export interface EdgePlan {
  readonly tls: TerminationPlan | undefined;
  readonly upstreamTls: OriginationPlan | undefined;
  /** Clients from these addresses have to send a header, and it is believed; those from elsewhere send none. */
  readonly headersFrom: Senders | undefined;
  readonly sendHeader: (typeof headerForms)[number] | undefined;
}

/** Nothing at either edge. */
export const bareEdge: EdgePlan = {
  tls: undefined,
  upstreamTls: undefined,
  headersFrom: undefined,
  sendHeader: undefined,
};

const path = z.string().min(1).max(4096);
const protocol = z.string().regex(/^[\u0021-\u007e]{1,255}$/, "wanted a protocol such as h2");

/** The keys of a proxy's table that are about its edges. */
export const edgeShape = {
  tls: z
    .strictObject({
      certificate: path,
      key: path,
      more: z
        .array(z.strictObject({ certificate: path, key: path }))
        .max(1000)
        .default([]),
      client_certificates: z.enum(clientCertificates).optional(),
      client_ca: path.optional(),
      alpn: z.array(protocol).max(20).default([]),
    })
    .optional(),
  upstream_tls: z
    .union([
      z.boolean(),
      z.strictObject({
        verify: z.boolean().default(true),
        name: z.string().min(1).max(253).optional(),
        ca: path.optional(),
        certificate: path.optional(),
        key: path.optional(),
        alpn: z.union([z.literal("client"), z.array(protocol).max(20)]).default([]),
      }),
    ])
    .optional(),
  accept_proxy: z.array(z.string()).min(1).max(1000).optional(),
  send_proxy: z.enum(headerForms).optional(),
} as const;

const edgeTable = z.object(edgeShape);

/** The edges of the proxy `name`. Throws SyntaxError for addresses that are none and keys that do not go together. */
export function edgeOf(table: z.infer<typeof edgeTable>, name: string): EdgePlan {
  try {
    return {
      tls: terminationOf(table.tls),
      upstreamTls: originationOf(table.upstream_tls),
      headersFrom: table.accept_proxy && parseSenders(table.accept_proxy),
      sendHeader: table.send_proxy,
    };
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new SyntaxError(`proxies: "${name}": ${thrown.message}`, { cause: thrown });
  }
}

function terminationOf(table: z.infer<typeof edgeTable>["tls"]): TerminationPlan | undefined {
  if (table === undefined) return undefined;
  const wanted = table.client_certificates ?? (table.client_ca === undefined ? "none" : "required");
  if (wanted !== "none" && table.client_ca === undefined)
    throw new SyntaxError("tls: client_certificates needs client_ca, the authorities that count");
  return {
    certificates: [table, ...table.more].map(({ certificate, key }) => ({
      certificatePath: certificate,
      keyPath: key,
    })),
    clientCertificates: wanted,
    clientCaPath: table.client_ca,
    alpn: table.alpn,
  };
}

function originationOf(table: z.infer<typeof edgeTable>["upstream_tls"]): OriginationPlan | undefined {
  if (table === undefined || table === false) return undefined;
  const wanted = table === true ? { verify: true, alpn: [] } : table;
  if ((wanted.certificate === undefined) !== (wanted.key === undefined))
    throw new SyntaxError("upstream_tls: certificate and key stand together: wanted both or neither");
  return {
    isVerified: wanted.verify,
    name: wanted.name,
    caPath: wanted.ca,
    certificatePath: wanted.certificate,
    keyPath: wanted.key,
    alpn: wanted.alpn,
  };
}
