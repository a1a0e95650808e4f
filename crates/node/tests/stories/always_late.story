# A host whose every wake is 150 ms late holds what follows its master nevertheless: lateness is a reason to wait for news once in a while, not
# all the time, or the lifetime would end.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=1000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
at 270ms wake
       > tickle address=vip
at 530ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
       > tickle address=vip
at 790ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
       > tickle address=vip
at 1050ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
       > tickle address=vip
at 1310ms wake
at 1570ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
at 1830ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
at 2090ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
       > tickle address=vip
at 2350ms wake
at 2610ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
at 2870ms wake
       > put interface=eth0 address=10.0.0.100/24 valid=1000ms
