/** What the mechanisms of ZMTP have in common: a talk in commands, at whose end each side knows the other's properties. */
import { type Command, readShortText } from "./command.ts";
import { ZmtpError } from "./protocol-error.ts";

/** What a side says of itself. */
export type Properties = readonly (readonly [name: string, value: Uint8Array])[];

/** Seals and opens the frames after a handshake. */
export interface FrameCipher {
  seal(body: Uint8Array, isMore: boolean, isCommand: boolean): Buffer;
  /** Throws {@link ZmtpError} for what was not sealed by the peer, or came before. */
  open(sealed: Buffer): { body: Buffer; isMore: boolean; isCommand: boolean };
}

/** A handshake under way. */
export interface Handshake {
  /** Commands that go out at once. */
  first(): Buffer[];
  /**
   * Takes a command; gives commands to send and, once both are ready, the peer's properties and what seals all frames
   * from then on. Throws {@link ZmtpError}.
   */
  receive(command: Command): { send: Buffer[]; peer?: Map<string, Buffer>; cipher?: FrameCipher };
}

/** Throws {@link ZmtpError} for another command, with the peer's words where it refused. */
export function expectCommand(command: Command, name: string): void {
  if (command.name === name) return;
  if (command.name === "ERROR") {
    const { text } = readShortText(command.body);
    throw new ZmtpError(`The peer refused the connection: ${JSON.stringify(text)}`, { isFinal: true });
  }
  throw new ZmtpError(`The peer sent ${JSON.stringify(command.name)} where ${name} was due`);
}
