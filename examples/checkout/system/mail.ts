import { once } from "node:events";
import type { Readable } from "node:stream";
import { callbackify } from "node:util";
import { type Headers, simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";

/** A mail as a mail client would show it. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly headers: Headers;
}

/** A mail server that keeps what it gets. */
export interface MailServer {
  /** The value for SMTP_URL. */
  readonly url: string;
  /** The mails that it has accepted so far. */
  readonly mails: readonly Mail[];
  /** If true, it answers that the sender shall try again later. */
  refusing: boolean;
  close(): Promise<void>;
}

/** Receives mails over SMTP, on a free port of loopback. */
export async function startMailServer(): Promise<MailServer> {
  const mails: Mail[] = [];
  const state = { refusing: false };

  async function keep(stream: Readable): Promise<void> {
    const { to, subject = "", text = "", headers } = await simpleParser(stream);
    const addresses = [to ?? []].flat().map((address) => address.text);
    mails.push({ to: addresses.join(", "), subject, text, headers });
  }

  const smtp = new SMTPServer({
    // On loopback there is nobody to log in, and nothing to encrypt.
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    onMailFrom(_address, _session, callback) {
      callback(state.refusing ? Object.assign(new Error("try again later"), { responseCode: 451 }) : null);
    },
    onData: (stream, _session, callback) => callbackify(keep)(stream, callback),
  });
  // A client that is killed leaves a broken connection.
  smtp.on("error", () => undefined);

  const { server } = smtp;
  smtp.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return {
    url: `smtp://127.0.0.1:${address.port}`,
    mails,
    get refusing() {
      return state.refusing;
    },
    set refusing(refusing) {
      state.refusing = refusing;
    },
    close: () => new Promise((resolve) => smtp.close(() => resolve())),
  };
}
