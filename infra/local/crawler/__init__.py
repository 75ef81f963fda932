"""Glue crawlers that catalog what they find: Parquet in Hive-style folders on S3."""

from infra.local.crawler.service import CrawlerService
from infra.local.emulator import Emulator


def install(emulator: Emulator) -> None:
    """Let crawlers of Glue really crawl."""
    service = CrawlerService(emulator)
    emulator.services.wrap("glue", service.handle)
    emulator.services.keep("ml-pipeline-crawlers", service.save, service.load, service.reset)
    emulator.at_stop(service.stop)
