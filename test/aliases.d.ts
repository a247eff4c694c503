// Older majors under other names, for the suites that run on several. Their types are near enough to the current ones'.
declare module "express-4" {
  import express from "express";
  export default express;
}
declare module "koa-2" {
  import Koa from "koa";
  export default Koa;
}

// It has no types of its own.
declare module "follow-redirects" {
  import type { Agent, ClientRequest, RequestOptions } from "node:http";

  interface Options extends RequestOptions {
    readonly agents?: { readonly http: Agent; readonly https: Agent };
  }
  interface Module {
    request(url: string, options: Options): ClientRequest;
  }
  const modules: { readonly http: Module; readonly https: Module };
  export default modules;
}
