import * as common from "@nestjs/common";
import * as core from "@nestjs/core";
import * as onExpress from "@nestjs/platform-express";
import * as onFastify from "@nestjs/platform-fastify";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { startTracing } from "../../support/tracing.ts";
import { describeNest } from "./cases.ts";

describeNest("11", { common, core, onExpress, onFastify }, startTracing([new HttpInstrumentation()]));
