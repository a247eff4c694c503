import * as common from "@nestjs/common";
import * as core from "@nestjs/core";
import * as onExpress from "@nestjs/platform-express";
import * as onFastify from "@nestjs/platform-fastify";
import { startTracing } from "../../support/tracing.ts";
import { describeNest, type Nest } from "../11/cases.ts";

// why: of what the cases use, version 12 has all that version 11 has
const nest = { common, core, onExpress, onFastify } as unknown as Nest;

describeNest("12, created server spans", nest, startTracing([]), { serverSpan: "create" });
