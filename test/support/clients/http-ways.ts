import http from "node:http";
import axios from "axios";
import followRedirects from "follow-redirects";
import got from "got";
import nodeFetch from "node-fetch";
import type { Way } from "./interleaving.ts";

/** The ways over node:http, each with an agent of 2 kept-alive connections. */
export function httpWays(): Way[] {
  const way = (name: string, path: Way["path"], get: (url: string, agent: http.Agent) => Promise<unknown>): Way => ({
    name,
    path,
    hops: path === "/plain/" ? 1 : 2,
    open() {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
      return { get: (url) => get(url, agent), close: async () => agent.destroy() };
    },
  });
  const byFollowing = (url: string, agent: http.Agent): Promise<unknown> =>
    ended(followRedirects.http.request(url, { agents: { http: agent, https: agent } }));
  return [
    way("http.get", "/plain/", (url, agent) => ended(http.get(url, { agent }))),
    way("axios", "/hop/", (url, httpAgent) => axios.get(url, { httpAgent, proxy: false })),
    way("got", "/hop/", (url, agent) => got(url, { agent: { http: agent } }).text()),
    way("got, retried", "/try/", (url, agent) =>
      got(url, {
        agent: { http: agent },
        retry: { limit: 2, calculateDelay: ({ attemptCount }) => (attemptCount > 2 ? 0 : 1) },
      }).text(),
    ),
    way("node-fetch", "/hop/", async (url, agent) => (await nodeFetch(url, { agent })).text()),
    way("follow-redirects", "/hop/", byFollowing),
  ];
}

function ended(request: http.ClientRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.on("response", (response) => response.resume().on("end", resolve).on("error", reject));
    request.on("error", reject);
    request.end();
  });
}
