/**
 * The handshakes NULL and PLAIN, as two sides of a talk in commands. A mechanism is done when it knows the peer's
 * properties; what is sent after that is the link's affair.
 * CURVE encrypts every frame as well: see curve.ts.
 */
import { commandBody, type Command, propertyBytes, readProperties, readShortText, shortText } from "./command.ts";
import { ZmtpError } from "./protocol-error.ts";

/** What one side wants. `check` belongs to the side that others show their credentials to. */
export type Security =
  | { mechanism: "NULL" }
  | { mechanism: "PLAIN"; role: "client"; user: string; password: string }
  | { mechanism: "PLAIN"; role: "server"; check(user: string, password: string): boolean };

/** A handshake under way. */
export interface Handshake {
  /** Commands that go out at once. */
  first(): Buffer[];
  /** Takes a command; gives commands to send, and the peer's properties once both are ready. Throws ZmtpError. */
  receive(command: Command): { send: Buffer[]; peer?: Map<string, Buffer> };
}

/** The handshake for some security. */
export function handshakeOf(security: Security, own: readonly (readonly [string, Uint8Array])[]): Handshake {
  if (security.mechanism === "NULL") return nullHandshake(own);
  return security.role === "client" ? plainClient(security, own) : plainServer(security, own);
}

function nullHandshake(own: readonly (readonly [string, Uint8Array])[]): Handshake {
  return {
    first: () => [commandBody("READY", propertyBytes(own))],
    receive(command) {
      expectCommand(command, "READY");
      return { send: [], peer: readProperties(command.body) };
    },
  };
}

function plainClient(
  credentials: { user: string; password: string },
  own: readonly (readonly [string, Uint8Array])[],
): Handshake {
  let welcomed = false;
  return {
    first: () => [commandBody("HELLO", shortText(credentials.user), shortText(credentials.password))],
    receive(command) {
      if (!welcomed) {
        expectCommand(command, "WELCOME");
        welcomed = true;
        return { send: [commandBody("INITIATE", propertyBytes(own))] };
      }
      expectCommand(command, "READY");
      return { send: [], peer: readProperties(command.body) };
    },
  };
}

function plainServer(
  judge: { check(user: string, password: string): boolean },
  own: readonly (readonly [string, Uint8Array])[],
): Handshake {
  let greeted = false;
  return {
    first: () => [],
    receive(command) {
      if (!greeted) {
        expectCommand(command, "HELLO");
        const { text: user, rest } = readShortText(command.body);
        const { text: password } = readShortText(rest);
        if (!judge.check(user, password)) {
          throw new ZmtpError("Wrong user or password", { isFinal: true });
        }
        greeted = true;
        return { send: [commandBody("WELCOME")] };
      }
      expectCommand(command, "INITIATE");
      return { send: [commandBody("READY", propertyBytes(own))], peer: readProperties(command.body) };
    },
  };
}

function expectCommand(command: Command, name: string): void {
  if (command.name === name) return;
  if (command.name === "ERROR") {
    const { text } = readShortText(command.body);
    throw new ZmtpError(`The peer refused the connection: ${JSON.stringify(text)}`, { isFinal: true });
  }
  throw new ZmtpError(`The peer sent ${JSON.stringify(command.name)} where ${name} was due`);
}
