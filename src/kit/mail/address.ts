/**
 * Mail addresses as configuration and people write them: `ops@example.org`, or with a name, `Ops <ops@example.org>`.
 * What comes out holds no line end, so that nothing can be slipped into a header or a command of SMTP. Leaves out what
 * RFC 5322 allows and nobody uses: quoted local parts, comments, groups, addresses of routes.
 */

/** One mailbox. */
export interface MailAddress {
  /** Empty where none was given. */
  name: string;
  address: string;
}

// eslint-disable-next-line no-control-regex
const localForm = /^[^\s@<>()[\]\\,;:"\u0000-\u001f\u007f]{1,64}$/;
const domainForm = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)*[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?$/u;

/** The mailbox in `text`, or undefined when there is none, or more than one. */
export function parseMailAddress(text: string): MailAddress | undefined {
  const [, named, bracketed] = /^([^<>]*)<([^<>]*)>\s*$/.exec(text) ?? [];
  const address = (bracketed ?? text).trim();
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  if (at < 1 || !localForm.test(address.slice(0, at)) || domain.length > 253 || !domainForm.test(domain)) {
    return undefined;
  }
  return { name: oneLine(named ?? "").replace(/^"(.*)"$/, "$1"), address };
}

/** Text fit for a header: line ends and other control characters become spaces. */
export function oneLine(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
      .trim()
  );
}
