/**
 * How a mail server is reached: where it is, how the connection is kept private, who logs in. Certificates are checked
 * unless the operator says otherwise, and a password goes over a connection that others can read only to this machine
 * itself, or where that is asked for by name.
 */
import { isLoopback } from "../auth/address.ts";

/** How a connection to a mail server is kept private: TLS from its first byte, after STARTTLS (or not at all), never. */
export type MailSecurity = "tls" | "starttls" | "none";

/** A mail server that takes mail from us. */
export interface MailRelay {
  host: string;
  port: number;
  security: MailSecurity;
  /** Logs in where the server offers it; without, mail is handed in as anybody may. */
  login?: { user: string; password: string };
  /** Certificates (PEM) that are believed instead of the system's. */
  ca?: string;
  /** @default true */
  verifyTls?: boolean;
  /** Lets the password go over a connection without TLS to another machine. @default false */
  allowClearLogin?: boolean;
  /** What we call ourselves in EHLO. @default the machine's name */
  heloName?: string;
  /** For one message: connection, conversation and all. @default 30_000 */
  timeoutMs?: number;
}

/** What a port usually speaks: 25 is plain, 587 changes to TLS, every other one is TLS from the first byte. */
export function securityOfPort(port: number): MailSecurity {
  return port === 25 ? "none" : port === 587 ? "starttls" : "tls";
}

/** Why the password must not be sent as the relay stands, or undefined. */
export function clearLogin(relay: MailRelay): string | undefined {
  if (!relay.login || relay.security !== "none" || relay.allowClearLogin) return undefined;
  if (isLoopback(relay.host)) return undefined;
  return `Cannot log in to ${relay.host}:${relay.port}: the password would cross the network unencrypted; use TLS or STARTTLS, or allow that by name`;
}
