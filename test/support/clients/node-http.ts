import http from "node:http";

/** Whether this Node shows where a request of node:http goes. Where it does not, such requests carry nothing of ours. */
export const SHOWS_DESTINATION: boolean = ((): boolean => {
  const request = http.request({ host: "127.0.0.1", port: 1 });
  request.on("error", () => undefined).destroy();
  return Object.getOwnPropertySymbols(request).some(({ description }) => description === "kAuthority");
})();

/** The reason for what a client over node:http lacks. */
export const SHOWS_NOTHING = "this Node does not show where a request of node:http goes";
