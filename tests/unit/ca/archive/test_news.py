import asyncio
import threading

from pgward.ca.archive.news import News


def run(waiting):
    return asyncio.run(asyncio.wait_for(waiting(), 20))


def test_who_waits_is_told_from_any_thread():
    async def main():
        news = News(every=10)
        waiting = asyncio.create_task(news.wait(10))
        await asyncio.sleep(0)
        threading.Thread(target=news.tell).start()
        await waiting

    run(main)


def test_what_came_before_the_waiting_began_is_seen():
    async def main():
        await News(every=10).wait(10, lambda: True)

    run(main)


def test_all_look_again_from_time_to_time():
    async def main():
        await News(every=0.01).wait(10)
        await News(every=10).wait(0.01)

    run(main)


def test_the_end_sends_all_home():
    async def main():
        news = News(every=10)
        waiting = [asyncio.create_task(news.wait(10)) for _ in range(3)]
        await asyncio.sleep(0)
        news.close()
        await asyncio.gather(*waiting)
        await news.wait(10)
        assert news.closed

    run(main)


def test_news_that_nobody_waits_for():
    News().tell()
    news = News(every=0.01)
    asyncio.run(news.wait(0.01))
    news.tell()  # the loop is gone
