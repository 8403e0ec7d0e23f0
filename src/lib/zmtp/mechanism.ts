/**
 * The handshakes NULL and PLAIN, as two sides of a talk in commands. A mechanism is done when it knows the peer's
 * properties; what is sent after that is the link's affair.
 * CURVE encrypts every frame as well: see curve.ts.
 */
import { commandBody, propertyBytes, readProperties, readShortText, shortText } from "./command.ts";
import { curveHandshake, type CurveSecurity } from "./curve.ts";
import { expectCommand, type Handshake, type Properties } from "./handshake.ts";
import { ZmtpError } from "./protocol-error.ts";

/** What one side wants. `check` belongs to the side that others show their credentials to. */
export type Security =
  | { mechanism: "NULL" }
  | { mechanism: "PLAIN"; role: "client"; user: string; password: string }
  | { mechanism: "PLAIN"; role: "server"; check(user: string, password: string): boolean }
  | CurveSecurity;

/** The handshake for some security. */
export function handshakeOf(security: Security, own: Properties): Handshake {
  if (security.mechanism === "NULL") return nullHandshake(own);
  if (security.mechanism === "CURVE") return curveHandshake(security, own);
  return security.role === "client" ? plainClient(security, own) : plainServer(security, own);
}

function nullHandshake(own: Properties): Handshake {
  return {
    first: () => [commandBody("READY", propertyBytes(own))],
    receive(command) {
      expectCommand(command, "READY");
      return { send: [], peer: readProperties(command.body) };
    },
  };
}

function plainClient(credentials: { user: string; password: string }, own: Properties): Handshake {
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

function plainServer(judge: { check(user: string, password: string): boolean }, own: Properties): Handshake {
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
