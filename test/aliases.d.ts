// Older majors under other names, for the suites that run on several. Their types are near enough to the current ones'.
declare module "express-4" {
  import express from "express";
  export default express;
}
declare module "koa-2" {
  import Koa from "koa";
  export default Koa;
}
