import http from "node:http";

/**
 * Whether this Node shows the destination of a node:http request. If it does not, such requests carry no own members.
 */
export const SHOWS_DESTINATION: boolean = ((): boolean => {
  const request = http.request({ host: "127.0.0.1", port: 1 });
  request.on("error", () => undefined).destroy();
  return Object.getOwnPropertySymbols(request).some(({ description }) => description === "kAuthority");
})();

/** The reason in `lacks` for clients over node:http. */
export const SHOWS_NOTHING = "this Node does not show where a request of node:http goes";
