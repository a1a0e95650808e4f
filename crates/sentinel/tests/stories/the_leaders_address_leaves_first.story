# We lead a planned switchover: our own vote, and with it every question to the others, waits for our address, too.
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=2 nodes=3 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms ties-address=true}}
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
       > publish view={group=cache epoch=0 phase=unbacked master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
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
       > publish view={group=cache epoch=0 phase=unbacked master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 4ms answered link=10.0.0.2:6379#3 answer=pong
at 4ms answered link=10.0.0.2:6379#3 answer=ok
at 6ms saved seq=1
at 7ms requested call=1 request=hello{text="10.0.0.8,26379,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,0,cache,10.0.0.1,6379,0"}
       > announce event={level=notice group=cache name=+sentinel payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
       > reply call=1 reply=ok
       > connect link=10.0.0.8:26379#5 group=cache target=peer channel=command
       > save seq=2 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379}]}}}
at 7ms requested call=2 request=hello{text="10.0.0.7,26379,cccccccccccccccccccccccccccccccccccccccc,0,cache,10.0.0.1,6379,0"}
       > announce event={level=notice group=cache name=+sentinel payload="sentinel cccccccccccccccccccccccccccccccccccccccc 10.0.0.7 26379 @ cache 10.0.0.1 6379"}
       > reply call=2 reply=ok
       > connect link=10.0.0.7:26379#6 group=cache target=peer channel=command
at 8ms saved seq=2
       > save seq=3 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379} {id=cccccccccccccccccccccccccccccccccccccccc addr=10.0.0.7:26379}]}}}
at 8ms connected link=10.0.0.8:26379#5
       > send link=10.0.0.8:26379#5 ask=auth
       > send link=10.0.0.8:26379#5 ask=ping
       > send link=10.0.0.8:26379#5 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
       > send link=10.0.0.8:26379#5 ask=who-is-master{group=cache}
at 8ms connected link=10.0.0.7:26379#6
       > send link=10.0.0.7:26379#6 ask=auth
       > send link=10.0.0.7:26379#6 ask=ping
       > send link=10.0.0.7:26379#6 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
       > send link=10.0.0.7:26379#6 ask=who-is-master{group=cache}
at 9ms saved seq=3
at 10ms answered link=10.0.0.7:26379#6 answer=ok
at 10ms answered link=10.0.0.7:26379#6 answer=pong
at 10ms answered link=10.0.0.7:26379#6 answer=ok
at 10ms answered link=10.0.0.7:26379#6 answer=named{master=10.0.0.1:6379}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 30ms requested call=4 request=switchover{group=cache}
       > send link=10.0.0.2:6379#3 ask=info
       > announce event={level=warning group=cache name=+new-epoch payload="1"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
       > send link=10.0.0.1:6379#1 ask=ping
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
       > clear group=cache nr=1
at 31ms cleared group=cache nr=1
       > save seq=4 state={epoch=1 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379} {id=cccccccccccccccccccccccccccccccccccccccc addr=10.0.0.7:26379}]}}}
at 32ms saved seq=4
       > send link=10.0.0.8:26379#5 ask=is-master-down{master=10.0.0.1:6379 epoch=1 candidate=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
       > send link=10.0.0.7:26379#6 ask=is-master-down{master=10.0.0.1:6379 epoch=1 candidate=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
