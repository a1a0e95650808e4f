# A hello with our own address would make us our own peer, with a second word and a second vote.                     M3
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=2 nodes=3 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms}}
seed 1
at 0ms wake
       > announce event={level=warning group=cache name=+monitor payload="master cache 10.0.0.1 6379 quorum 2"}
       > connect link=10.0.0.1:6379#1 group=cache target=server channel=command
       > connect link=10.0.0.1:6379#2 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[]}
at 1ms connected link=10.0.0.1:6379#1
       > send link=10.0.0.1:6379#1 ask=auth
       > send link=10.0.0.1:6379#1 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.1:6379#1 ask=info
       > send link=10.0.0.1:6379#1 ask=ping
       > send link=10.0.0.1:6379#1 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > connect link=10.0.0.2:6379#3 group=cache target=server channel=command
       > connect link=10.0.0.2:6379#4 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
       > save seq=1 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 2ms answered link=10.0.0.1:6379#1 answer=pong
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 3ms connected link=10.0.0.2:6379#3
       > send link=10.0.0.2:6379#3 ask=auth
       > send link=10.0.0.2:6379#3 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=ping
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 4ms answered link=10.0.0.2:6379#3 answer=ok
at 4ms answered link=10.0.0.2:6379#3 answer=ok
at 4ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 4ms answered link=10.0.0.2:6379#3 answer=pong
at 4ms answered link=10.0.0.2:6379#3 answer=ok
at 6ms saved seq=1
# b announces our own address (127.0.0.1, 0.0.0.0, NAT, copied file)
at 7ms requested call=1 request=hello{text="10.0.0.9,26379,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,0,cache,10.0.0.1,6379,0"}
       > reply call=1 reply=ok
at 8ms saved seq=2
at 8ms connected link=10.0.0.9:26379#5
at 9ms answered link=10.0.0.9:26379#5 answer=ok
at 9ms answered link=10.0.0.9:26379#5 answer=pong
at 9ms answered link=10.0.0.9:26379#5 answer=ok
at 100ms failed link=10.0.0.1:6379#1 fault=closed
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
until 110ms
  at 110ms wake
         > connect link=10.0.0.1:6379#5 group=cache target=server channel=command
at 111ms failed link=10.0.0.1:6379#6 fault=refused
until 150ms
# our question comes to us
at 151ms requested call=2 request=is-master-down{master=10.0.0.1:6379 epoch=0}
       > reply call=2 reply=vote{down=false epoch=0}
at 151ms answered link=10.0.0.9:26379#5 answer=vote{down=true epoch=0}
until 151ms
at 152ms saved seq=3
until 152ms
at 153ms requested call=3 request=is-master-down{master=10.0.0.1:6379 epoch=1 candidate=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
       > announce event={level=warning group=cache name=+new-epoch payload="1"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
       > save seq=2 state={epoch=1 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 153ms answered link=10.0.0.9:26379#5 answer=vote{down=true leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa epoch=1}
