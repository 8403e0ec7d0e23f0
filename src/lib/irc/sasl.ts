/**
 * How a client proves who it is while it registers: PLAIN, EXTERNAL (the certificate of the connection) and SCRAM-SHA-256
 * (RFC 5802, 7677), which shows the password to nobody. Steps are values; whoever talks to the server sends them in pieces
 * of 400 characters.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

/** Who one is. */
export type Credentials =
  | { mechanism: "PLAIN" | "SCRAM-SHA-256"; account: string; password: string }
  | { mechanism: "EXTERNAL"; account?: string };

/** One attempt. */
export interface SaslAttempt {
  /** The answer to what the server said; throws SyntaxError when it cannot be the right server. */
  answer(challenge: Buffer): Buffer;
}

/** Rounds beyond this would let a server keep us busy. */
const maxIterations = 100_000;

/** Begins an attempt. `nonce` is for tests. */
export function beginSasl(credentials: Credentials, nonce = randomBytes(18).toString("base64")): SaslAttempt {
  if (credentials.mechanism === "EXTERNAL") return { answer: () => Buffer.from(credentials.account ?? "") };
  const { account, password } = credentials;
  if (credentials.mechanism === "PLAIN") return { answer: () => Buffer.from(`\0${account}\0${password}`) };
  return scram(account, password, nonce);
}

/** The parameters of AUTHENTICATE, in order: base64 in pieces of 400, `+` for nothing, and after a piece of exactly 400. */
export function saslPieces(answer: Uint8Array): string[] {
  const text = Buffer.from(answer).toString("base64");
  const pieces: string[] = text.match(/.{1,400}/g) ?? [];
  if (pieces.length === 0 || pieces.at(-1)?.length === 400) pieces.push("+");
  return pieces;
}

function scram(account: string, password: string, nonce: string): SaslAttempt {
  const name = account.replaceAll("=", "=3D").replaceAll(",", "=2C");
  const bare = `n=${name},r=${nonce}`;
  let step = 0;
  let wanted: Buffer = Buffer.alloc(0);
  return {
    answer(challenge) {
      step++;
      if (step === 1) return Buffer.from(`n,,${bare}`);
      const said = challenge.toString();
      if (step > 2) {
        const proof = Buffer.from(/^v=(.+)$/.exec(said)?.[1] ?? "", "base64");
        if (proof.length !== wanted.length || !timingSafeEqual(proof, wanted)) {
          throw new SyntaxError("Cannot sign in: the server does not know the password either");
        }
        return Buffer.alloc(0);
      }
      const [, joined = "", salt = "", rounds = ""] = /^r=([^,]+),s=([^,]+),i=(\d{1,6})/.exec(said) ?? [];
      const iterations = Number(rounds);
      if (!joined.startsWith(nonce) || joined === nonce || iterations < 1 || iterations > maxIterations) {
        throw new SyntaxError("Cannot sign in: what the server said is not SCRAM-SHA-256");
      }
      const salted = pbkdf2Sync(password.normalize("NFKC"), Buffer.from(salt, "base64"), iterations, 32, "sha256");
      const clientKey = hmac(salted, "Client Key");
      const closing = `c=biws,r=${joined}`;
      const all = `${bare},${said},${closing}`;
      const signature = hmac(createHash("sha256").update(clientKey).digest(), all);
      const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
      wanted = hmac(hmac(salted, "Server Key"), all);
      return Buffer.from(`${closing},p=${proof.toString("base64")}`);
    },
  };
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
