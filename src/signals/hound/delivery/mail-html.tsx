/** @jsxImportSource hono/jsx */
/**
 * The HTML part of a mail: the notice's text with its pictures and buttons. Mail programs know no style sheets worth the
 * name, so styles stand at each element, in colours that read by day and by night. Nothing is loaded from anywhere.
 */
import type { MailPicture } from "../../../kit/mail/mailer.ts";
import { linkTo, renderHtml } from "../../../kit/pages/html.ts";
import type { Notice } from "../notice.ts";
import { toneOf } from "./channel.ts";

const face = "font-family:system-ui,-apple-system,'Segoe UI',Arial,sans-serif";
const colours = { bad: "#a81f2c", good: "#2b6b33", plain: "#0f5359" } as const;

/** The text with addresses in it made into links. */
function Text({ text }: { text: string }) {
  return (
    <>
      {text.split(/(https?:\/\/[^\s<>"]+)/).map((part, position) => {
        const href = position % 2 === 1 ? linkTo(part) : undefined;
        return href === undefined ? part : <a href={href}>{part}</a>;
      })}
    </>
  );
}

function Mail({ notice, pictures }: { notice: Notice; pictures: readonly MailPicture[] }) {
  const colour = colours[toneOf(notice)];
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="color-scheme" content="light dark" />
        <title>{notice.subject}</title>
      </head>
      <body style={`margin:0;padding:16px;${face};font-size:15px;line-height:1.45`}>
        <h1 style={`margin:0 0 12px;padding:0 0 0 10px;border-left:6px solid ${colour};font-size:20px`}>
          {notice.subject}
        </h1>
        <pre style="margin:0 0 16px;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px;white-space:pre-wrap;overflow-wrap:anywhere">
          <Text text={notice.text} />
        </pre>
        {pictures.map(({ id, title }) => (
          <p style="margin:0 0 16px">
            <span style="display:block;font-size:13px">{title}</span>
            <img src={`cid:${id}`} alt={title} width="800" style="max-width:100%;height:auto;border:0" />
          </p>
        ))}
        {notice.actions.length === 0 ? null : (
          <p style="margin:0">
            {notice.actions.map(({ title, url }) => (
              <a
                href={linkTo(url)}
                style="display:inline-block;margin:0 8px 8px 0;padding:8px 14px;border:1px solid #85867c;border-radius:3px;text-decoration:none"
              >
                {title}
              </a>
            ))}
          </p>
        )}
      </body>
    </html>
  );
}

/** The whole document. */
export function htmlOf(notice: Notice, pictures: readonly MailPicture[]): string {
  return `<!doctype html>${renderHtml(<Mail notice={notice} pictures={pictures} />)}`;
}
