/** What the client takes. */
export interface PersistentInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>> | Headers;
  readonly body?: string;
  readonly redirect?: "follow" | "manual";
}

const ATTEMPTS = 3;

/** A client that tries again where a server is unavailable, which docs/adapters.md writes an adapter for. */
export async function persistent(url: string, init: PersistentInit = {}): Promise<Response> {
  let response = await fetch(url, init);
  for (let attempt = 1; response.status === 503 && attempt < ATTEMPTS; attempt++) {
    await response.body?.cancel();
    response = await fetch(url, init);
  }
  return response;
}
